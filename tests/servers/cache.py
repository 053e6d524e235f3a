"""Things too dear to make in each run: made once, whole or not at all, and kept between runs."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "PLAYHEAD_TEST_CACHE"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that such things are kept in: PLAYHEAD_TEST_CACHE, else playhead/ in the user's cache."""
    if own := environment.get(CACHE_VARIABLE):
        return Path(own)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playhead"


def keep(name: str, make: Callable[[Path], None], cache: Path | None = None) -> Path:
    """Return the folder `name` of the cache, which `make` fills if it is not there.

    Several processes may ask at once: one works, the others wait. Where `make` fails, nothing is left.
    """
    cache = cache or cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / name
    with _lock(cache / f"{name}.lock"):
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                made = Path(scratch) / name
                made.mkdir()
                make(made)
                made.rename(kept)
    return kept


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
