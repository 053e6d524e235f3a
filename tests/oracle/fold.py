"""Contract 3: a session's events folded to states, with the time and the values that hold after each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.oracle.model import GAP_MS, OracleEvent

ALWAYS: Mapping[str, str] = {"playing": "playing", "pause": "paused", "ended": "ended", "quit": "ended"}
CONDITIONAL: Mapping[str, tuple[frozenset[str], str]] = {
    "play": (frozenset({"idle", "ended", "failed"}), "starting"),
    "rebuffer_start": (frozenset({"playing"}), "rebuffering"),
    "rebuffer_end": (frozenset({"rebuffering"}), "playing"),
    "seek_start": (frozenset({"playing", "paused", "rebuffering"}), "seeking"),
}
"""Type: the states it works in, and the one it leads to."""


@dataclass(frozen=True)
class Carried:
    """The values that hold after an event; 0 is unknown."""

    visible: bool = True
    bitrate_kbps: int = 0
    width: int = 0
    height: int = 0
    player_width: int = 0
    player_height: int = 0

    def after(self, event: OracleEvent) -> "Carried":
        """Give the values that hold after `event`: its own where it has them, else these."""
        return Carried(
            visible=self.visible if event.visible is None else event.visible,
            bitrate_kbps=event.bitrate_kbps or self.bitrate_kbps,
            width=event.width or self.width,
            height=event.height or self.height,
            player_width=event.player_width or self.player_width,
            player_height=event.player_height or self.player_height,
        )


@dataclass(frozen=True)
class Step:
    """An event, the state after it, and the ms until the next event: None before a gap and at the end."""

    event: OracleEvent
    state: str
    carried: Carried
    until_next_ms: int | None

    @property
    def time_ms(self) -> int:
        """The time given to `state`."""
        return self.until_next_ms or 0


def fold_steps(events: Sequence[OracleEvent]) -> tuple[Step, ...]:
    """Fold one session's distinct events, given in order."""
    states = fold_states(events)
    carried = Carried()
    steps = []
    for event, state, until_next_ms in zip(events, states, _intervals_ms(events), strict=True):
        carried = carried.after(event)
        steps.append(Step(event, state, carried, until_next_ms))
    return tuple(steps)


def fold_states(events: Sequence[OracleEvent]) -> tuple[str, ...]:
    """Give the state after each event, from `idle`."""
    state, before_seek, has_first_frame = "idle", "idle", False
    states = []
    for event in events:
        after = _state_after(event, state, before_seek, has_first_frame=has_first_frame)
        if after == "seeking" and state != "seeking":
            before_seek = state
        has_first_frame = has_first_frame or event.type == "playing"
        state = after
        states.append(state)
    return tuple(states)


def rebuffer_runs(steps: Sequence[Step]) -> list[tuple[Step, ...]]:
    """Give the runs of neighbouring events in state rebuffering; another state or a gap ends a run."""
    runs: list[tuple[Step, ...]] = []
    run: list[Step] = []
    for step in steps:
        if step.state == "rebuffering":
            run.append(step)
        if run and (step.state != "rebuffering" or step.until_next_ms is None):
            runs.append(tuple(run))
            run = []
    return runs


def _intervals_ms(events: Sequence[OracleEvent]) -> list[int | None]:
    lengths = [later.ts - earlier.ts for earlier, later in pairwise(events)]
    return [length if length <= GAP_MS else None for length in lengths] + [None]


def _state_after(event: OracleEvent, state: str, before_seek: str, *, has_first_frame: bool) -> str:
    if event.is_fatal:
        return "failed"
    if event.type == "seek_end" and state == "seeking":
        return "playing" if before_seek == "rebuffering" else before_seek
    if event.type == "play" and state == "paused" and not has_first_frame:
        return "starting"
    works_in, target = CONDITIONAL.get(event.type, (frozenset(), state))
    return target if state in works_in else ALWAYS.get(event.type, state)
