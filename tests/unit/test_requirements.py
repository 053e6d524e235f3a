"""The requirements mechanism: a lack is told, and it fails where everything is required."""

from pathlib import Path

import pytest

from tests.requirements import REQUIRE_VARIABLE, is_everything_required, need

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SUITE = """
    import pytest
    from tests.requirements import need

    @pytest.mark.parametrize("page", ["a", "b"])
    def test_page(page):
        need(False, "a browser")

    def test_other_skip():
        pytest.skip("not today")  # Of the project that this test runs, not of ours.

    def test_passes():
        need(True, "nothing")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a small test suite of its own under this repository's conftest."""
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}")
    pytester.makeconftest("from tests.conftest import pytest_configure, pytest_terminal_summary")
    pytester.makepyfile(SUITE)
    return pytester


def test_what_is_there_is_no_skip() -> None:
    """A condition that holds lets the test go on."""
    need("/usr/bin/true", "true")


def test_a_lack_skips_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that does not hold skips the test and says what is missing."""
    monkeypatch.delenv(REQUIRE_VARIABLE, raising=False)
    # Nothing is skipped: that it would be is what is looked at.
    with pytest.raises(pytest.skip.Exception, match="needs chromium"):
        need(None, "chromium")


def test_a_lack_fails_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PLAYHEAD_TEST_REQUIRE=all the same condition is a failure with the same reason."""
    monkeypatch.setenv(REQUIRE_VARIABLE, "all")
    with pytest.raises(pytest.fail.Exception, match=r"needs chromium \(PLAYHEAD_TEST_REQUIRE=all\)"):
        need("", "chromium")


def test_only_known_words_are_taken() -> None:
    """Unset and empty ask for skips, all for failures; any other word is an error."""
    assert not is_everything_required({})
    assert not is_everything_required({REQUIRE_VARIABLE: ""})
    assert is_everything_required({REQUIRE_VARIABLE: "all"})
    with pytest.raises(ValueError, match="may be empty or all"):
        is_everything_required({REQUIRE_VARIABLE: "yes"})


@pytest.mark.parametrize("arguments", [(), ("-n", "1")])
def test_the_summary_lists_each_lack_once(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The run's summary counts the tests skipped for each lack, in one process and under xdist."""
    monkeypatch.delenv(REQUIRE_VARIABLE, raising=False)
    result = suite.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["*= not tested on this machine =*", "2 skipped: needs a browser"])
    result.stdout.no_fnmatch_line("* skipped: not today")


def test_everything_required_fails_the_run(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PLAYHEAD_TEST_REQUIRE=all nothing is listed as untested: the tests fail."""
    monkeypatch.setenv(REQUIRE_VARIABLE, "all")
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=1, failed=2)
    result.stdout.no_fnmatch_line("*not tested on this machine*")


def test_a_misspelt_requirement_stops_the_run(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is not known ends the run before any test, as an error of usage."""
    monkeypatch.setenv(REQUIRE_VARIABLE, "al")
    result = suite.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*PLAYHEAD_TEST_REQUIRE is 'al'; it may be empty or all"])
