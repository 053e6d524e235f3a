"""The audit sees another release, a changed file, and an advisory that fits."""

from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from tests.audit import advise, changed_files, compare, read_lock


def test_the_lock_is_compared_with_what_is_installed() -> None:
    """Extras and the case of names make no difference."""
    locked = read_lock("A.b==1.0 \\\n    --hash=sha256:00\nuvicorn[standard]==2\n# c==3\nd==4\n")
    assert locked == {"a-b": "1.0", "uvicorn": "2", "d": "4"}
    assert list(compare(locked, {"a-b": "1.0", "uvicorn": "2.1", "e": "5", "playhead": "0"})) == [
        "d: nothing is installed, 4 is locked",
        "e: 5 is installed, nothing is locked",
        "uvicorn: 2.1 is installed, 2 is locked",
    ]


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    """And one that is gone; untouched packages are silent."""
    info = tmp_path / "x-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    (info / "RECORD").write_text(f"x.py,{empty},0\ny.py,{empty},0\nz.py,{empty},0\n")
    (tmp_path / "x.py").write_text("")
    (tmp_path / "y.py").write_text("changed")
    assert list(changed_files([Distribution.at(info)])) == [
        f"{tmp_path / 'y.py'}: is not as it was installed",
        f"{tmp_path / 'z.py'}: is missing",
    ]
    assert list(changed_files([distribution("msgspec")])) == []


@pytest.mark.parametrize(
    ("version", "is_told"),
    [("1.0", True), ("1.5", True), ("2.0", False), ("0.9", False), ("3.0", True)],
)
def test_advisories_speak_of_ranges_and_releases(version: str, is_told: bool) -> None:
    """From where it came in to before it was mended."""
    advisory = {
        "id": "X-1",
        "summary": "bad",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Some_Thing"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "2.0"}]}],
                "versions": ["3.0"],
            },
            {"package": {"ecosystem": "npm", "name": "other"}, "versions": ["1"]},
        ],
    }
    told = list(advise(advisory, {"some-thing": version, "other": "1"}))
    assert told == ([f"some-thing {version}: X-1: bad"] if is_told else [])
    assert list(advise(advisory | {"withdrawn": "2026"}, {"some-thing": version})) == []
