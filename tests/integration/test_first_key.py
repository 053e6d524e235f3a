"""The first admin key: whoever starts the service gets to see it, whatever becomes of the start."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def test_a_start_that_fails_on_a_used_port_still_shows_the_key_it_made(tmp_path: Path) -> None:
    """The key is stored by then, so a later start would not show it any more."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
        settings = {
            "PLAYHEAD_DATA_DIR": str(tmp_path),
            "PLAYHEAD_PORT": str(taken.getsockname()[1]),
            "PLAYHEAD_SQL_PORT": "0",
        }
        command = [sys.executable, "-c", "import sys; from playhead.cli import main; sys.exit(main(['serve']))"]
        done = subprocess.run(command, env=kept | settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "admin key phk_" in done.stdout
    assert "address already in use" in done.stderr
