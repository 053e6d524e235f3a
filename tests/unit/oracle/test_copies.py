"""Which events are the same, which copy counts, and their order."""

import dataclasses
from itertools import permutations

import pytest

from tests.oracle.copies import ordered_sessions
from tests.oracle.model import EVENT_TYPES, OracleEvent, batch_offset_ms

FIRST = OracleEvent(stream_id="a", session_id="s", client_id="c", ts=0, seq=0, type="play", received_ms=10)
KEY = ("a", "s")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((5, 20), (6, 10)),
        ((-5, 20), (0, 10)),
        ((86_400_000, 20), (None, 10)),
        ((5, 10), (5, 11)),
        ((None, 1), (None, 2)),
    ],
)
def test_the_smallest_offset_counts_then_the_first_received(
    better: tuple[int | None, int], worse: tuple[int | None, int]
) -> None:
    """Of (offset, received_at) pairs the better one's copy counts, in either order of arrival."""
    copies = [
        dataclasses.replace(FIRST, offset_ms=offset, received_ms=received, bitrate_kbps=bitrate)
        for bitrate, (offset, received) in ((1, better), (2, worse))
    ]
    for arrival in permutations(copies):
        assert ordered_sessions(arrival)[KEY] == (copies[0],)


def test_copies_that_nothing_decides_between_are_refused() -> None:
    """Copies that differ, with one offset and one received_at, are an error of the test that made them."""
    with pytest.raises(ValueError, match="copies that differ"):
        ordered_sessions([FIRST, dataclasses.replace(FIRST, bitrate_kbps=1)])


@pytest.mark.parametrize(
    "change", [{"seq": 1}, {"ts": 1}, {"type": "playing"}, {"stream_id": "b"}, {"session_id": "t"}]
)
def test_each_part_of_an_identity_makes_another_event(change: dict[str, str | int]) -> None:
    """Events that differ in stream, session, seq, ts or type are two."""
    other = dataclasses.replace(FIRST, **change)  # type: ignore[arg-type]  # One table of names and values.
    assert sum(map(len, ordered_sessions([FIRST, other]).values())) == 2


def test_types_of_one_ts_and_seq_come_in_the_contracts_order() -> None:
    """All types at once, given backwards, are put in order, other last."""
    events = [dataclasses.replace(FIRST, type=name) for name in reversed(EVENT_TYPES)]
    assert [event.type for event in ordered_sessions(events)[KEY]] == list(EVENT_TYPES)
    assert EVENT_TYPES[0] == "play"
    assert EVENT_TYPES[-1] == "other"


@pytest.mark.parametrize(
    ("received_ms", "sent_at", "offset_ms"),
    [(5, None, None), (5, 3, 2), (3, 5, -2), (86_400_000, 0, 86_400_000), (86_400_001, 0, None), (0, 86_400_001, None)],
)
def test_an_offset_is_usable_within_a_day(received_ms: int, sent_at: int | None, offset_ms: int | None) -> None:
    """Offsets beyond 24 h either way, and those without sent_at, are none."""
    assert batch_offset_ms(received_ms, sent_at) == offset_ms
