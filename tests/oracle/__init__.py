"""The contract's sessions and metrics once more, in plain Python: what the SQL is measured against.

Written from the contract's text alone. It imports nothing of the service and is slow on purpose: lists,
loops and whole numbers of milliseconds, so that each rule can be read beside its sentence.

    events -> copies.ordered_sessions -> fold.fold_steps -> sessions.fold_session -> metrics.metrics -> answers
"""
