"""What an insert costs the embedded engine by the format of its body, all views included; the engine makes the bodies.

`python -m benchmarks.formats`: one line a format, for batches of one event and of 25. CPU is that of the whole process;
what it would cost Python to write each format is not in it.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client

from benchmarks.bodies import make_bodies, make_cuts, make_row_block
from playhead.events import BATCH_COLUMNS, EVENT_COLUMNS
from playhead.ingest.writer import EVENTS_TABLE
from playhead.settings import Settings
from playhead.store.embedded import DATABASE, embedded_path, open_embedded_store
from playhead.store.migrate import migrate

FORMATS = ("JSONCompactEachRow", "RowBinary", "Native", "Arrow")
SIZES = ((1, 500), (25, 20_000))
"""Events of a batch, and of an insert."""

ROUNDS = 5
INSERTS_A_ROUND = 6
_JSON = "JSONCompactEachRow"
_rows = msgspec.json.Encoder().encode_lines


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="playhead-formats-") as folder:
        settings = Settings(data_dir=folder)
        asyncio.run(_migrate(settings))
        client = clickhouse_connect.get_client(interface="chdb", path=str(embedded_path(settings)))
        client.database = DATABASE
        client.command(f"CREATE TABLE staged AS {EVENTS_TABLE} ENGINE = Memory")
        print(f"{'events a batch':>14}{'an insert':>11}  {'format':<32}{'bytes an event':>15}{'CPU ms an insert':>18}")
        for events_each, events in SIZES:
            _measure(client, events_each, events)
        client.close()


async def _migrate(settings: Settings) -> None:
    store = open_embedded_store(settings)
    await migrate(store)
    await store.close()


def _measure(client: Client, events_each: int, events: int) -> None:
    """Insert with all formats in turn, round after round, so that what else the machine does meets all alike."""
    now_ms = time.time_ns() // 1_000_000
    bodies = make_bodies(make_cuts(now_ms, events_each))
    blocks = [make_row_block(bodies, now_ms, events, number) for number in range(INSERTS_A_ROUND)]
    row_blocks = [make_row_block(bodies, now_ms, events, number, _rows) for number in range(INSERTS_A_ROUND)]
    made = {name: [_convert(client, block, name) for block in blocks] for name in FORMATS}
    inserts: dict[str, tuple[list[bytes], Callable[[bytes], None]]] = {
        name: (made[name], partial(_insert, client, EVENTS_TABLE, BATCH_COLUMNS, name)) for name in FORMATS
    }
    as_rows = partial(_insert, client, "playback_events", EVENT_COLUMNS, _JSON)
    inserts["a row an event, JSON"] = (row_blocks, as_rows)
    costs: dict[str, list[float]] = {name: [] for name in inserts}
    for _ in range(ROUNDS):
        for name, (blocks_of, insert) in inserts.items():
            began = time.process_time()
            for body in blocks_of:
                insert(body)
            costs[name].append((time.process_time() - began) * 1000 / INSERTS_A_ROUND)
    for name, (blocks_of, _) in inserts.items():
        size = statistics.mean(map(len, blocks_of)) / events
        print(f"{events_each:>14}{events:>11}  {name:<32}{size:>15.0f}{min(costs[name]):>18.1f}", flush=True)


def _convert(client: Client, block: bytes, name: str) -> bytes:
    if name == _JSON:
        return block
    client.command("TRUNCATE TABLE staged")
    _insert(client, "staged", BATCH_COLUMNS, _JSON, block)
    return client.raw_query("SELECT * FROM staged", fmt=name)


def _insert(client: Client, table: str, columns: Sequence[str], name: str, body: bytes) -> None:
    client.raw_insert(table, columns, body, fmt=name)


if __name__ == "__main__":
    main()
