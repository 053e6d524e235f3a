"""What keeps many small inserts cheap in the embedded engine: parts of one file, and merges that give way to them."""

from pathlib import Path

from playhead.settings import Settings
from playhead.store.embedded import MERGE_THREADS
from tests.servers.clickhouse_http import ask
from tests.servers.service_process import ServiceProcess

SESSION = "5b0f3f5e-8a53-4a6a-9a53-1d1f6c2b7a10"
INSERT = f"""
INSERT INTO event_batches (stream_id, session_id, received_ms, events)
SELECT 'small', '{SESSION}', toUnixTimestamp64Milli(now64(3)),
    [('play', toUnixTimestamp64Milli(now64(3)), 1, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, ('', '', false, false))]
"""
PARTS = """
SELECT table, part_storage_type FROM system.parts WHERE database = currentDatabase() AND active
    AND table IN ('playback_events', 'session_index', 'client_sessions', 'arrivals') ORDER BY table
"""


def test_merges_give_way_and_small_parts_are_one_file(tmp_path: Path) -> None:
    """The setting reaches the threads, and each table that ingest writes has its rows in a packed part."""
    with ServiceProcess(tmp_path, {"PLAYHEAD_MERGE_NICE": "7"}) as service:
        assert set(_niceness_of_merges(service.pid)) == {7}
        ask(service.sql_url, INSERT)
        stored = [line.split("\t") for line in ask(service.sql_url, PARTS).splitlines()]
    tables = ["arrivals", "client_sessions", "playback_events", "session_index"]
    assert stored == [[table, "Packed"] for table in tables]


def test_by_default_merges_give_way(tmp_path: Path) -> None:
    """Nobody has to set it."""
    with ServiceProcess(tmp_path) as service:
        assert set(_niceness_of_merges(service.pid)) == {Settings().merge_nice}


def _niceness_of_merges(pid: int) -> list[int]:
    """Return the niceness of each thread that merges: the 19th field of its line in proc."""
    lines = [(thread / "stat").read_text(encoding="ascii") for thread in Path(f"/proc/{pid}/task").iterdir()]
    return [int(line.rpartition(")")[2].split()[16]) for line in lines if f"({MERGE_THREADS})" in line]
