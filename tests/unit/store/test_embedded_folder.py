"""The embedded engine's folder belongs to one process."""

import fcntl
from pathlib import Path

import pytest

from playhead.errors import StoreUnavailableError
from playhead.settings import Settings
from playhead.store.embedded import require_unused


def test_a_folder_in_use_is_told_by_its_owner(tmp_path: Path) -> None:
    """The engine locks this file and writes its process id into it; one that is gone has left the lock."""
    settings = Settings(data_dir=str(tmp_path))
    require_unused(settings)
    status = tmp_path / "clickhouse" / "status"
    status.parent.mkdir()
    status.write_text("PID: 4711\nStarted at: 2026-11-27 04:00:00\n")
    require_unused(settings)
    with status.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailableError, match=r"is in use by another process \(PID: 4711\)"):
            require_unused(settings)
    require_unused(settings)
