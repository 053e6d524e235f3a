"""The short form of the fault suite: each kind of fault at one seeded moment; `make bench-soak` has fifty of each.

PLAYHEAD_TEST_FAULT_POINTS=5 strikes each kind so often.
"""

import os
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS
from tests.faults.points import run_point
from tests.faults.stacks import run_stack

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

POINTS = int(os.environ.get("PLAYHEAD_TEST_FAULT_POINTS", "1"))


@pytest.mark.parametrize("name", KINDS)
async def test_nothing_acknowledged_is_lost(name: str, tmp_path: Path) -> None:
    """What was acknowledged is stored, once, every figure is the oracle's, and the service came back by itself."""
    kind = KINDS[name]
    kind.needs()
    async with run_stack(tmp_path, kind.layout) as stack:
        for seed in range(1, POINTS + 1):
            point = await run_point(stack, kind, seed, name=f"p{seed}")
            assert point.verdict.is_right, point.line
