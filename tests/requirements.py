"""What a test needs of the machine it runs on: skipped with a reason where it is missing, never in silence.

`PLAYHEAD_TEST_REQUIRE=all` turns every such skip into a failure; CI sets it.
"""

import os
from collections.abc import Mapping
from typing import NoReturn

import pytest

REQUIRE_VARIABLE = "PLAYHEAD_TEST_REQUIRE"
REASON_PREFIX = "needs "


def need(condition: object, reason: str) -> None:
    """Go on if `condition` holds; else skip the test, or fail it where everything is required.

    `reason` names what is missing, to be read after "needs": "chromium", "a ClickHouse server process".
    Raises pytest's skip or failure outcome; usable in tests, in fixtures and at the top of a module.
    """
    __tracebackhide__ = True
    if not condition:
        _lack(REASON_PREFIX + reason, is_required=is_everything_required(os.environ))


def is_everything_required(environment: Mapping[str, str]) -> bool:
    """Tell whether `environment` asks for failures instead of skips; raises ValueError on any word but "all"."""
    asked = environment.get(REQUIRE_VARIABLE, "")
    if asked not in {"", "all"}:
        message = f"{REQUIRE_VARIABLE} is {asked!r}; it may be empty or all"
        raise ValueError(message)
    return asked == "all"


def _lack(reason: str, *, is_required: bool) -> NoReturn:
    __tracebackhide__ = True
    if is_required:
        pytest.fail(f"{reason} ({REQUIRE_VARIABLE}=all)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)  # Never in CI, which requires all; elsewhere the reason is shown.
