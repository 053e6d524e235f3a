"""What all tests share: no skip goes unseen, and hypothesis runs the same on every machine."""

import os
from collections import Counter

import hypothesis
import pytest

from tests.requirements import REASON_PREFIX, is_everything_required

pytest_plugins = ["tests.servers.fixtures", "tests.stores"]

hypothesis.settings.register_profile(
    "playhead",
    deadline=None,  # The machine's load must not decide whether a property holds.
    derandomize=True,  # The same commit gives the same verdict; PLAYHEAD_TEST_HYPOTHESIS=search looks further.
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "search", hypothesis.settings.get_profile("playhead"), derandomize=False, max_examples=1000
)
hypothesis.settings.load_profile(os.environ.get("PLAYHEAD_TEST_HYPOTHESIS", "playhead"))


def pytest_configure() -> None:
    """Refuse a misspelt PLAYHEAD_TEST_REQUIRE before any test runs, rather than skip what it meant to require."""
    try:
        is_everything_required(os.environ)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the cluster to the modules that say so, and put modules with slow tests first.

    Whatever is last must be short, or workers wait for one of them. PLAYHEAD_TEST_CLUSTER=all: to every module.
    """
    if os.environ.get("PLAYHEAD_TEST_CLUSTER") != "all":
        left_out = {item for item in items if _is_on_cluster(item) and item.get_closest_marker("cluster") is None}
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _is_on_cluster(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("empty_store") == "cluster"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what the machine lacks, and how many tests were skipped for it."""
    lacks = Counter(
        reason
        for report in terminalreporter.getreports("skipped")
        if (reason := _skip_reason(report)).startswith(REASON_PREFIX)
    )
    if not lacks:
        return
    terminalreporter.section("not tested on this machine")
    for reason, count in sorted(lacks.items()):
        terminalreporter.write_line(f"{count} skipped: {reason}")


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    match report.longrepr:
        case (str(), int(), str(reason)):
            return reason.removeprefix("Skipped: ")
        case _:
            return ""
