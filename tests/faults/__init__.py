"""Faults against real processes: what was acknowledged is there, once, and every figure is the oracle's.

worlds -> delivery -> stacks (struck by kinds) -> verdicts; points puts them together
"""
