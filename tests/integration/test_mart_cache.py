"""What the embedded engine has unpacked of marts stays in memory, as much as the setting says."""

from pathlib import Path

import pytest

from playhead.settings import Settings
from playhead.store.sql_files import sql_folder
from tests.servers.clickhouse_http import ask
from tests.servers.service_process import ServiceProcess

CACHE_BYTES = "SELECT value FROM system.server_settings WHERE name = 'uncompressed_cache_size'"
SETTING = "use_uncompressed_cache = 1"
UNPACKED = "SELECT sum(value) FROM system.events WHERE event IN ('UncompressedCacheHits', 'UncompressedCacheMisses')"
FILL = """
INSERT INTO stream_daily (stream_id, day, version, sessions)
SELECT toString(number), today(), 1, 1 FROM numbers(9000)
"""


@pytest.mark.parametrize("chosen", [{}, {"PLAYHEAD_MART_CACHE_BYTES": "1000000"}, {"PLAYHEAD_MART_CACHE_BYTES": "0"}])
def test_the_engine_takes_the_size(tmp_path: Path, chosen: dict[str, str]) -> None:
    """By default, chosen, and none."""
    with ServiceProcess(tmp_path, chosen) as service:
        size = ask(service.sql_url, CACHE_BYTES)
    assert size == chosen.get("PLAYHEAD_MART_CACHE_BYTES", str(Settings().mart_cache_bytes))


def test_marts_alone_are_read_through_it(tmp_path: Path) -> None:
    """Sessions are not: they would drive out what is asked of again and again."""
    with ServiceProcess(tmp_path) as service:
        ask(service.sql_url, FILL)
        ask(service.sql_url, "SELECT sum(sessions) FROM stream_daily FINAL")
        assert ask(service.sql_url, UNPACKED) == "0"
        ask(service.sql_url, f"SELECT sum(sessions) FROM (SELECT sessions FROM stream_daily FINAL SETTINGS {SETTING})")
        assert ask(service.sql_url, UNPACKED) != "0"


def test_what_reads_a_mart_and_nothing_else_says_so() -> None:
    """Of the fragments and questions that read it."""
    texts = {
        path.stem: path.read_text(encoding="utf-8")
        for folder in ("fragments", "queries")
        for path in sql_folder(folder).glob("*.sql")
    }
    saying = {name for name, text in texts.items() if SETTING in text}
    assert saying == {
        "dimension_day_points", "dimension_days", "dimension_hour_points", "stream_day_points", "stream_days",
        "stream_dimension_days", "streams_of_days", "viewers_of_days",
    }  # fmt: skip
    assert not {name for name in saying if "FROM sessions" in texts[name] or "fresh_sums" in texts[name]}
