"""`make audit`: what is installed is what the lock says, file by file, and no advisory that is at hand speaks of it.

It asks nobody. Advisories are files in the OSV form (a JSON object each, as in the archive of osv.dev or of PyPA's
advisory database), looked for in the folders that are given.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

LOCK = Path(__file__).parents[1] / "requirements" / "dev.txt"
NOT_LOCKED = {"playhead"}
"""Installed from here, not from an index."""


_PINNED = re.compile(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


def read_lock(text: str) -> dict[str, str]:
    """Return the pinned release of each package."""
    return {canonicalize_name(name): version for name, version in _PINNED.findall(text)}


def compare(locked: Mapping[str, str], installed: Mapping[str, str]) -> Iterator[str]:
    """Yield each package that is missing, in another release, or in no lock."""
    for name in sorted(locked.keys() | installed.keys()):
        if name in NOT_LOCKED or locked.get(name) == installed.get(name):
            continue
        yield f"{name}: {installed.get(name, 'nothing')} is installed, {locked.get(name, 'nothing')} is locked"


def changed_files(found: Iterable[Distribution]) -> Iterator[str]:
    """Yield each file that is not as any of the packages that brought it left it."""
    left: defaultdict[Path, set[str]] = defaultdict(set)
    for one in found:
        for file in one.files or ():
            if file.hash is not None and file.hash.mode == "sha256":
                left[Path(str(one.locate_file(file)))].add(file.hash.value)
    for path, digests in left.items():
        if not path.is_file():
            yield f"{path}: is missing"
        elif _digest(path) not in digests:
            yield f"{path}: is not as it was installed"


def _digest(path: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def advise(advisory: Mapping[str, Any], installed: Mapping[str, str]) -> Iterator[str]:
    """Yield what an advisory in the OSV form says of what is installed."""
    if advisory.get("withdrawn"):
        return
    for affected in advisory.get("affected", ()):
        package = affected.get("package", {})
        name = canonicalize_name(package.get("name", ""))
        version = installed.get(name)
        if package.get("ecosystem") == "PyPI" and version is not None and is_affected(version, affected):
            what = advisory.get("summary") or advisory.get("details", "")[:80]
            yield f"{name} {version}: {advisory.get('id')}: {what}"


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Tell whether a release is listed, or lies in a range of an advisory."""
    if version in affected.get("versions", ()):
        return True
    ranges = [one for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
    return any(_is_inside(Version(version), one.get("events", ())) for one in ranges)


def _is_inside(version: Version, events: list[Mapping[str, str]]) -> bool:
    is_inside = False
    for event in events:
        try:
            if "introduced" in event and (event["introduced"] == "0" or version >= Version(event["introduced"])):
                is_inside = True
            if "fixed" in event and version >= Version(event["fixed"]):
                is_inside = False
            if "last_affected" in event and version > Version(event["last_affected"]):
                is_inside = False
        except InvalidVersion:
            continue
    return is_inside


def main(arguments: list[str]) -> int:
    """Print what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("advisories", nargs="*", type=Path, help="folders with advisories as OSV JSON files")
    folders = parser.parse_args(arguments).advisories
    found = list(distributions())
    installed: dict[str, str] = {canonicalize_name(one.metadata["Name"]): one.version for one in found}
    advisories = [json.loads(file.read_bytes()) for folder in folders for file in sorted(folder.rglob("*.json"))]
    wrong = [*compare(read_lock(LOCK.read_text()), installed)]
    wrong += changed_files(found)
    wrong += [problem for advisory in advisories for problem in advise(advisory, installed)]
    print("\n".join(wrong) if wrong else f"{len(installed)} packages are as locked")  # noqa: T201 - it is a command
    if not folders:
        print("no advisories were given: make audit ARGS=FOLDER")  # noqa: T201 - as above
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
