"""What the embedded engine has unpacked of marts stays in memory, as much as the setting says."""

from pathlib import Path

import pytest

from playhead.settings import Settings
from playhead.store.sql_files import expand, sql_folder
from tests.servers.clickhouse_http import ask
from tests.servers.service_process import ServiceProcess

CACHE_BYTES = "SELECT value FROM system.server_settings WHERE name = 'uncompressed_cache_size'"
MARTS_ALONE = ("stream_days", "stream_dimension_days", "dimension_days", "dimension_hour_points", "stream_day_points")


@pytest.mark.parametrize("chosen", [{}, {"PLAYHEAD_MART_CACHE_BYTES": "1000000"}, {"PLAYHEAD_MART_CACHE_BYTES": "0"}])
def test_the_engine_takes_the_size(tmp_path: Path, chosen: dict[str, str]) -> None:
    """By default, chosen, and none."""
    with ServiceProcess(tmp_path, chosen) as service:
        size = ask(service.sql_url, CACHE_BYTES)
    assert size == chosen.get("PLAYHEAD_MART_CACHE_BYTES", str(Settings().mart_cache_bytes))


@pytest.mark.parametrize("name", MARTS_ALONE)
def test_marts_are_read_through_it(name: str) -> None:
    """Sessions are not: they would drive out what is asked of again and again."""
    text = expand((sql_folder("fragments") / f"{name}.sql").read_text(encoding="utf-8"))
    assert text.rstrip().endswith("use_uncompressed_cache = 1")
