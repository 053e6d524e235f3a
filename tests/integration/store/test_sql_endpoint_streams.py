"""The SQL port with much data: bounded memory both ways, compression, clients that leave, errors on the way."""

import socket
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import lz4.frame
import pytest

from playhead.store.sql_wire import make_decoder, make_encoder
from tests.integration.store.conftest import TOKEN, SqlPort
from tests.requirements import need

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

MEBI = 1024 * 1024


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds, which must be within 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def receive_into(received: bytearray, response: httpx.Response) -> None:
    """Append what comes to `received`; raises httpx's error where the response breaks off."""
    for piece in response.iter_raw():
        received += piece


def stream_noise(sql_port: SqlPort, rows: int, format_name: str) -> int:
    """Return the size of a streamed result of `rows` rows of some 40 bytes."""
    sql = f"SELECT number, randomPrintableASCII(40) AS noise FROM numbers({rows}) FORMAT {format_name}"
    # Parquet's writer holds some row groups whole, by default of a million rows each.
    params = {"output_format_parquet_row_group_size": "100000"}
    with sql_port.client(params=params) as client, client.stream("POST", "/", content=sql) as response:
        assert response.status_code == 200
        return sum(len(piece) for piece in response.iter_raw(MEBI))


@pytest.mark.parametrize("format_name", ["TabSeparated", "JSON", "CSVWithNames", "Native", "Parquet"])
def test_a_large_result_is_streamed_in_any_format(sql_port: SqlPort, format_name: str) -> None:
    """More than 300 MB pass through a process whose memory a fifth of that has already filled."""
    stream_noise(sql_port, 1_600_000, format_name)
    sql_port.reset_peak()
    before = sql_port.resident_kib()
    assert stream_noise(sql_port, 8_000_000, format_name) > 300_000_000
    assert sql_port.resident_kib("VmHWM") - before < 120 * 1024


def test_an_answer_that_must_wait_for_its_end_is_kept_on_disk(sql_port: SqlPort) -> None:
    """With wait_end_of_query an error at the end is a status, at no cost in memory that a fifth has not filled."""
    sql = "SELECT number, repeat('x', 100), throwIf(number = {last:UInt64}) FROM numbers(5000000)"
    with sql_port.client(params={"wait_end_of_query": "1"}) as client:
        client.post("/", params={"param_last": "9999999"}, content=sql.replace("5000000", "1000000"))
        sql_port.reset_peak()
        before = sql_port.resident_kib()
        failed = client.post("/", params={"param_last": "4999999"}, content=sql)
        good = client.post("/", params={"param_last": "9999999"}, content=sql)
    assert (failed.status_code, failed.headers["X-ClickHouse-Exception-Code"]) == (500, "395")
    assert len(good.content) > 500_000_000
    assert '"read_rows":"5000000"' in good.headers["X-ClickHouse-Summary"]
    assert sql_port.resident_kib("VmHWM") - before < 150 * 1024


def test_an_error_after_the_result_began_is_appended_and_breaks_the_response(sql_port: SqlPort) -> None:
    """The tag of the header marks the error, and the missing end tells clients that do not look."""
    received = bytearray()
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
    with sql_port.client() as client, client.stream("POST", "/", content=sql) as response:
        assert response.status_code == 200
        tag = response.headers["X-ClickHouse-Exception-Tag"].encode()
        with pytest.raises(httpx.RemoteProtocolError):
            receive_into(received, response)
    assert received.endswith(tag + b"\r\n__exception__\r\n")
    tail = received[received.index(b"\r\n__exception__\r\n" + tag) :]
    assert b"Code: 395. DB::Exception: " in tail
    size = int(tail.split(b" " + tag)[0].split(b"\n")[-1])
    assert tail[tail.index(b"Code: 395") :][:size].endswith(b"\n")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT number, repeat('x', 100) FROM system.numbers",
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
    ],
)
def test_a_client_that_leaves_stops_its_query(sql_port: SqlPort, sql: str) -> None:
    """Whether it was sending rows or had none yet, and its session is free again."""
    head = (
        f"POST /?password={TOKEN}&session_id=leaver HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sql)}\r\n\r\n"
    )
    running = "SELECT count() FROM system.processes WHERE query LIKE '%FROM%numbers%' AND query NOT LIKE '%processes%'"
    with socket.create_connection(("127.0.0.1", sql_port.port), timeout=30) as connection:
        connection.sendall(head.encode() + sql.encode())
        wait_until(lambda: sql_port.ask(running) == "1\n")
    wait_until(lambda: sql_port.ask(running) == "0\n")
    with sql_port.client(params={"session_id": "leaver"}) as client:
        wait_until(lambda: client.post("/", content="SELECT 1").text == "1\n")


def test_a_client_that_leaves_its_insert_halfway_inserts_nothing(sql_port: SqlPort) -> None:
    """Data counts when all of it has come."""
    sql_port.ask("CREATE OR REPLACE TABLE halfway (a Int64) ENGINE = MergeTree ORDER BY a")
    head = f"POST /?password={TOKEN}&query=INSERT%20INTO%20halfway%20FORMAT%20TSV HTTP/1.1\r\nHost: localhost\r\n"
    with socket.create_connection(("127.0.0.1", sql_port.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: 9000000\r\n\r\n".encode() + b"1\n" * MEBI)
        spool = sql_port.data / "sql_port"
        wait_until(lambda: any(path.stat().st_size > MEBI for path in spool.iterdir()))
    wait_until(lambda: not list(spool.iterdir()))
    assert sql_port.ask("SELECT count() FROM halfway") == "0\n"


def _rows(count: int) -> Iterator[bytes]:
    block = b"".join(b'{"a":%d,"b":"%s"}\n' % (number, b"x" * 90) for number in range(10_000))
    for _ in range(count // 10_000):
        yield block


def test_a_large_insert_in_chunks_is_spooled_to_disk(sql_port: SqlPort) -> None:
    """Chunked data of 100 MB passes through in bounded memory, with the statement in front of it or in the URL."""
    sql_port.ask("CREATE OR REPLACE TABLE large (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    sql_port.ask('INSERT INTO large FORMAT JSONEachRow {"a":1,"b":"x"}')
    statement = "INSERT INTO large FORMAT JSONEachRow\n"

    def in_body() -> Iterator[bytes]:
        yield statement.encode()
        yield from _rows(1_000_000)

    sql_port.reset_peak()
    before = sql_port.resident_kib()
    with sql_port.client() as client:
        assert client.post("/", content=in_body()).status_code == 200
        assert client.post("/", params={"query": statement}, content=_rows(200_000)).status_code == 200
    assert sql_port.ask("SELECT count(), sum(length(b)) FROM large") == "1200001\t108000001\n"
    assert sql_port.resident_kib("VmHWM") - before < 400 * 1024
    assert not list((sql_port.data / "sql_port").iterdir())


CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (lambda data: _deflate(data, 31), lambda data: zlib.decompress(data, 31)),
    "deflate": (lambda data: _deflate(data, 15), zlib.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "zstd": (zstd.compress, zstd.decompress),
}


def _deflate(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("encoding", CODECS)
def test_bodies_are_compressed_both_ways(sql_port: SqlPort, encoding: str) -> None:
    """An INSERT's data may be compressed, in several members too, and so may the answer."""
    pack, unpack = CODECS[encoding]
    sql_port.ask("CREATE OR REPLACE TABLE packed (a Int64) ENGINE = MergeTree ORDER BY a")
    rows = [b"".join(b"%d\n" % number for number in part) for part in (range(300_000), range(300_000, 500_000))]
    with sql_port.client() as client:
        inserted = client.post(
            "/",
            params={"query": "INSERT INTO packed FORMAT TSV"},
            content=b"".join(map(pack, rows)),
            headers={"Content-Encoding": encoding},
        )
        assert inserted.status_code == 200, inserted.text
        sql = "SELECT a FROM packed ORDER BY a"
        with client.stream("POST", "/", content=sql, headers={"Accept-Encoding": encoding}) as response:
            assert response.headers["Content-Encoding"] == encoding
            assert unpack(b"".join(response.iter_raw())) == b"".join(rows)
        cut_off = client.post("/", content=pack(b"SELECT 1")[:-3], headers={"Content-Encoding": encoding})
    assert cut_off.headers["X-ClickHouse-Exception-Code"] == "271"


def _block_codec() -> Any:
    try:
        import clickhouse_cityhash.cityhash  # noqa: PLC0415  # Optional.
    except ImportError:
        return None
    return clickhouse_cityhash.cityhash


def test_native_blocks_are_spoken_both_ways(sql_port: SqlPort) -> None:
    """`compress=1` and `decompress=1`, which Go and Java clients use, carry ClickHouse's own checksummed blocks."""
    need(_block_codec(), "the clickhouse-cityhash package")
    encoder = make_encoder("", in_blocks=True)
    packed = encoder.compress(b"SELECT number, 'blocks' FROM numbers(500000)") + encoder.flush()
    with sql_port.client() as client:
        answer = client.post("/", params={"compress": "1", "decompress": "1"}, content=packed)
        decoder = make_decoder("", in_blocks=True)
        text = b"".join(decoder.feed(answer.content))
        decoder.close()
        assert text == b"".join(b"%d\tblocks\n" % number for number in range(500_000))
        damaged = packed[:20] + bytes([packed[20] ^ 1]) + packed[21:]
        broken = client.post("/", params={"decompress": "1"}, content=damaged)
    assert broken.headers["X-ClickHouse-Exception-Code"] == "271"


def test_native_blocks_are_those_of_a_clickhouse_server(sql_port: SqlPort, clickhouse_server: Any) -> None:
    """A real server reads the blocks made here, and the blocks it makes are read here."""
    need(_block_codec(), "the clickhouse-cityhash package")
    encoder = make_encoder("", in_blocks=True)
    packed = encoder.compress(b"SELECT number, 'blocks' FROM numbers(500000)") + encoder.flush()
    answer = httpx.post(clickhouse_server.url(""), params={"compress": "1", "decompress": "1"}, content=packed)
    assert answer.status_code == 200, answer.text
    text = b"".join(make_decoder("", in_blocks=True).feed(answer.content))
    assert text == sql_port.ask("SELECT number, 'blocks' FROM numbers(500000)").encode()
