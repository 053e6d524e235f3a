"""The fold's table, row by row, each from every state."""

import pytest

from tests.oracle.fold import Carried, fold_states, fold_steps, rebuffer_runs
from tests.oracle.model import OracleError, OracleEvent

REACHED_BY = {
    "idle": "heartbeat",
    "starting": "play",
    "playing": "playing",
    "paused before the first frame": "pause",
    "paused": "playing pause",
    "rebuffering": "playing rebuffer_start",
    "seeking from playing": "playing seek_start",
    "seeking from paused": "playing pause seek_start",
    "seeking from rebuffering": "playing rebuffer_start seek_start",
    "failed": "fatal",
    "ended": "ended",
}
"""Types that lead to each state from idle; `fatal` is a fatal error."""
STARTS = {"idle", "paused before the first frame", "failed", "ended"}
CHANGES = {
    "play": dict.fromkeys(STARTS, "starting"),
    "playing": dict.fromkeys(REACHED_BY, "playing"),
    "pause": dict.fromkeys(REACHED_BY, "paused"),
    "rebuffer_start": {"playing": "rebuffering"},
    "rebuffer_end": {"rebuffering": "playing"},
    "seek_start": dict.fromkeys({"playing", "paused before the first frame", "paused", "rebuffering"}, "seeking"),
    "seek_end": {
        "seeking from playing": "playing",
        "seeking from paused": "paused",
        "seeking from rebuffering": "playing",
    },
    "fatal": dict.fromkeys(REACHED_BY, "failed"),
    "ended": dict.fromkeys(REACHED_BY, "ended"),
    "quit": dict.fromkeys(REACHED_BY, "ended"),
    **{name: {} for name in ("heartbeat", "quality_change", "visibility", "error", "other")},
}


def event(name: str, at: int = 0, **fields: int) -> OracleEvent:
    """Give an event of type `name`, of which `fatal` is an error, at the client's ms `at`."""
    error = OracleError("e", fatal=name == "fatal") if name in {"fatal", "error"} else None
    return OracleEvent(
        stream_id="a",
        session_id="s",
        client_id="c",
        ts=at,
        seq=at,
        type="error" if error else name,
        received_ms=0,
        error=error,
        **fields,  # type: ignore[arg-type]  # Counts of the event.
    )


@pytest.mark.parametrize("before", REACHED_BY)
@pytest.mark.parametrize("name", CHANGES)
def test_each_type_in_each_state(before: str, name: str) -> None:
    """Every type changes the states its row names, and leaves all others as they are."""
    lead = [event(one) for one in REACHED_BY[before].split()]
    unchanged = before.split(maxsplit=1)[0]
    assert fold_states([*lead, event(name)])[-2:] == (unchanged, CHANGES[name].get(before, unchanged))


def test_an_interval_over_60000_ms_is_a_gap() -> None:
    """60 000 ms belong to the state, 60 001 to none, and the last event has no time."""
    steps = fold_steps([event("playing"), event("heartbeat", 60_000), event("heartbeat", 120_001)])
    assert [step.until_next_ms for step in steps] == [60_000, None, None]
    assert [step.time_ms for step in steps] == [60_000, 0, 0]


def test_values_are_carried_until_others_come() -> None:
    """0 and None leave a carried value, any other replaces it."""
    events = [event("playing", 0, width=5), event("heartbeat", 1, width=0, height=7), event("heartbeat", 2, width=6)]
    assert [step.carried for step in fold_steps(events)] == [
        Carried(width=5),
        Carried(width=5, height=7),
        Carried(width=6, height=7),
    ]


def test_runs_of_rebuffering_end_at_another_state_and_at_a_gap() -> None:
    """Neighbours without a gap are one run; at the end of the session the run ends too."""
    names = ["playing", "rebuffer_start", "heartbeat", "rebuffer_end", "rebuffer_start", "heartbeat", "heartbeat"]
    at = [0, 10, 20, 30, 30, 40, 60_041]
    runs = rebuffer_runs(fold_steps([event(*pair) for pair in zip(names, at, strict=True)]))
    assert [[step.event.ts for step in run] for run in runs] == [[10, 20], [30, 40], [60_041]]
