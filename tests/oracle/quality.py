"""Contract 4, qoe_score: the parts of one session's score, each of 100."""

import math
from collections.abc import Sequence
from fractions import Fraction

from tests.oracle.fold import Carried, Step


def startup_part(startup_ms: int | None) -> float | None:
    """Give 800 / (8 + s), s in seconds; None for an unknown startup."""
    return None if startup_ms is None else float(Fraction(800_000, 8_000 + startup_ms))


def smoothness_part(rebuffer_count: int, rebuffer_ms: int, playing_ms: int) -> float:
    """Give the mean of what the number of episodes and their share of the time leave of 100."""
    ratio = Fraction(rebuffer_ms, playing_ms + rebuffer_ms) if playing_ms else Fraction(0)
    by_count = 100 / math.sqrt(1 + (rebuffer_count / 2) ** 2)
    return (by_count + 100 * math.exp(-10 * float(ratio))) / 2


def quality_part(steps: Sequence[Step]) -> float | None:
    """Give what upscaling leaves of 100; None when no playing time has all four sizes."""
    timed = [(upscaling(step.carried), step.time_ms) for step in steps if step.state == "playing" and step.time_ms]
    known = [(factor, time_ms) for factor, time_ms in timed if factor is not None]
    if not known:
        return None
    mean = sum(factor * time_ms for factor, time_ms in known) / sum(time_ms for _, time_ms in known)
    worst = max(factor for factor, _ in known)
    return 100 * math.exp(-0.33 * (0.15 * float(worst) + 0.85 * float(mean)))


def upscaling(sizes: Carried) -> Fraction | None:
    """Give U: by how much the smaller side's ratio of player to video is above 1; None unless all sizes are known."""
    if not (sizes.width and sizes.height and sizes.player_width and sizes.player_height):
        return None
    across, down = Fraction(sizes.player_width, sizes.width), Fraction(sizes.player_height, sizes.height)
    return max(Fraction(0), min(across, down) - 1)


def weighted(startup: float | None, smoothness: float | None, quality: float | None) -> float | None:
    """Give the mean of the known parts by the weights 0.30, 0.45 and 0.25; None when no part is known."""
    parts = [
        (weight, part) for weight, part in ((0.30, startup), (0.45, smoothness), (0.25, quality)) if part is not None
    ]
    if not parts:
        return None
    return sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)
