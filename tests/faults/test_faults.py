"""The fault suite: in short one moment of each kind that the promise names, in full every kind, thrice and longer.

PLAYHEAD_TEST_FAULTS=all asks for all of it (`make test-faults`); `make bench-soak` has fifty moments of each.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS, Kind
from tests.faults.points import run_point
from tests.faults.stacks import run_stack

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

IS_FULL = os.environ.get("PLAYHEAD_TEST_FAULTS") == "all"
IN_SHORT = (
    "kill-service",
    "kill-service-embedded",
    "kill-database",
    "torn-spool",
    "sigterm",
    "black-hole",
    "resets",
    "slow-disk",
    "full-disk",
    "full-disk-embedded",
    "no-memory",
    "clock-step",
    "two-workers",
)
SHORTEST_S, SHORT_S = 0.5, 1.5
SHORT_VIEWERS = 12
POINTS = 3 if IS_FULL else 1


def kinds_by_layout() -> list[tuple[Kind, ...]]:
    """Return the kinds that can share a stack, together: starting one takes longer than striking it.

    What needs more of the machine is alone, so that nothing else is skipped with it.
    """
    kinds = list(KINDS.values()) if IS_FULL else [shorten(KINDS[name]) for name in IN_SHORT]
    kinds.sort(key=lambda kind: kind.needs is not None)
    groups: list[list[Kind]] = []
    for kind in kinds:
        like = next((group for group in groups if group[0].layout == kind.layout), None)
        if like is None or kind.needs is not None:
            groups.append([kind])
        else:
            like.append(kind)
    return [tuple(group) for group in groups]


def shorten(kind: Kind) -> Kind:
    """Return a fault that lasts no longer than it must to be noticed."""
    shortest_s, longest_s = kind.lasts_s
    return replace(kind, lasts_s=(min(shortest_s, SHORTEST_S), min(longest_s, SHORT_S)))


def name_of(kinds: Sequence[Kind]) -> str:
    """Return what the test of a group is called."""
    return "+".join(kind.name for kind in kinds)


@pytest.mark.parametrize("kinds", kinds_by_layout(), ids=name_of)
async def test_nothing_acknowledged_is_lost(kinds: Sequence[Kind], tmp_path: Path) -> None:
    """What was acknowledged is stored, once, every figure is the oracle's, and the service came back by itself."""
    for kind in kinds:
        if kind.needs is not None:
            kind.needs()
    viewers = None if IS_FULL else SHORT_VIEWERS
    async with run_stack(tmp_path, kinds[0].layout) as stack:
        for number, kind in enumerate(kinds):
            for seed in range(1, POINTS + 1):
                point = await run_point(stack, kind, seed, name=f"k{number}p{seed}", viewers=viewers)
                assert point.verdict.is_right, point.line
