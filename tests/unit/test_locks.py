"""The locks: exact, hashed, from nowhere in particular, and of one mind; their licences are told."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HASHES = r"((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?$)*)"
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+)(?: ; [^\\\n]+)? \\$" + HASHES, re.MULTILINE)


def text_of(name: str) -> str:
    """Return the text of a lock."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def releases(name: str) -> dict[str, str]:
    """Return the release of each package of a lock."""
    return {found[1]: found[2] for found in PINNED.finditer(text_of(name))}


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_package_is_one_release_with_hashes(name: str) -> None:
    """Each requirement is pinned and has at least one hash; nothing else stands in the lock but comments."""
    found = list(PINNED.finditer(text_of(name)))
    assert found
    assert all(one[3] for one in found)
    assert re.sub(r"^ *#.*", "", PINNED.sub("", text_of(name)), flags=re.MULTILINE).strip() == ""


@pytest.mark.parametrize("name", ["run", "dev"])
def test_no_lock_names_a_place(name: str) -> None:
    """A lock holds no address and no option that sets one: whoever installs decides where from."""
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted-host| @ ", text_of(name))


def test_the_service_runs_on_what_was_tested() -> None:
    """The smaller lock is part of the larger, in the same releases."""
    assert releases("run").items() <= releases("dev").items()


def test_run_time_licences_are_told() -> None:
    """THIRD_PARTY.md lists the packages of the smaller lock."""
    rows = re.findall(
        r"^\| ([a-z0-9._-]+) \| \S.* \|$", (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(set(rows) - {"what", "package"}) == sorted(releases("run"))
