"""The server's library is fetched once, checked, and never seen half-made."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.servers.cache import cache_folder
from tests.servers.errors import ServerMissingError
from tests.servers.library import Package, fetch, npm_pack

CONTENT = b"a library"


def make_tarball() -> bytes:
    """Return what npm pack makes of a package with one file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/lib.so")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))
    return stream.getvalue()


TARBALL = make_tarball()
DIGEST = base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
PACKAGE = Package(name="@some/lib", version="1.2.3", integrity=f"sha512-{DIGEST}", member="package/lib.so")


class Registry:
    """Packs one tarball, and counts how often."""

    def __init__(self, tarball: bytes = TARBALL) -> None:
        self.tarball = tarball
        self.packed = 0

    def pack(self, _: Package, folder: Path) -> Path:
        """Write the tarball into the folder."""
        self.packed += 1
        path = folder / "some-lib-1.2.3.tgz"
        path.write_bytes(self.tarball)
        return path


def test_a_package_is_fetched_once(tmp_path: Path) -> None:
    """The second time the file is there and nothing is packed."""
    registry = Registry()
    files = [fetch(PACKAGE, tmp_path / "cache", registry.pack) for _ in range(2)]
    assert [file.read_bytes() for file in files] == [CONTENT, CONTENT]
    assert files[0] == tmp_path / "cache" / "lib-1.2.3" / "package" / "lib.so"
    assert registry.packed == 1


def test_another_checksum_is_refused(tmp_path: Path) -> None:
    """A tarball that is not the one named in the code leaves no file, and the next good one is taken."""
    with pytest.raises(ServerMissingError, match="another checksum"):
        fetch(PACKAGE, tmp_path, Registry(TARBALL + b"\0").pack)
    assert not list(tmp_path.rglob("*.so"))
    assert fetch(PACKAGE, tmp_path, Registry().pack).read_bytes() == CONTENT


def test_several_at_once_fetch_once(tmp_path: Path) -> None:
    """Of workers that ask at the same time one packs; all get the whole file."""
    registry, workers = Registry(), 4
    together = Barrier(workers)

    def work(_: int) -> bytes:
        together.wait()
        return fetch(PACKAGE, tmp_path, registry.pack).read_bytes()

    with ThreadPoolExecutor(workers) as pool:
        assert list(pool.map(work, range(workers))) == [CONTENT] * workers
    assert registry.packed == 1


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a shell script in npm's place, and nothing else on the path."""

    def put(script: str) -> None:
        npm = tmp_path / "bin" / "npm"
        npm.parent.mkdir()
        npm.write_text(f"#!/bin/sh\n{script}\n")
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", str(npm.parent))

    return put


def test_npm_is_asked_for_the_exact_version(tmp_path: Path, fake_npm: Callable[[str], None]) -> None:
    """Npm packs the named version into the folder."""
    fake_npm('echo "$1 $2" > "$4/some-lib-1.2.3.tgz"')
    assert npm_pack(PACKAGE, tmp_path).read_text() == "pack @some/lib@1.2.3\n"


def test_what_npm_says_is_told(tmp_path: Path, fake_npm: Callable[[str], None]) -> None:
    """Where npm fails, the reason of the skip has its last words."""
    fake_npm('echo "no such host" >&2; exit 1')
    with pytest.raises(ServerMissingError, match="no such host"):
        npm_pack(PACKAGE, tmp_path)


def test_without_npm_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no npm, the reason of the skip names it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="npm, to get @some/lib"):
        npm_pack(PACKAGE, tmp_path)


def test_the_cache_is_the_users_or_the_one_named() -> None:
    """PLAYHEAD_TEST_CACHE goes before XDG_CACHE_HOME, and that before ~/.cache."""
    assert cache_folder({"PLAYHEAD_TEST_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/playhead")
    assert cache_folder({}) == Path.home() / ".cache" / "playhead"
