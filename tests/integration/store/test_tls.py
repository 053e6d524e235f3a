"""A server behind TLS: trusted by its certificate, told who asks by another; statements packed on the way."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from playhead.errors import StoreUnavailableError
from playhead.rollup.dbt import run_dbt
from playhead.settings import Settings
from playhead.store.server import open_server_store
from tests.requirements import need
from tests.servers.choose import ClickHouseServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Answer(msgspec.Struct, frozen=True):
    """One text."""

    word: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the server's certificate and key and the client's, each signed by itself."""
    need(shutil.which("openssl") is not None, "openssl, to make certificates")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "client"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)
    return folder


@asynccontextmanager
async def tls_in_front(port: int, certificates: Path, *, asks_for_client: bool = False) -> AsyncIterator[int]:
    """Give the port of a proxy that ends TLS before the server at `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if asks_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "client.pem")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield proxy.sockets[0].getsockname()[1]
    finally:
        proxy.close()


def settings_for(url: str, port: int, data_dir: Path, **others: str) -> Settings:
    """Return settings for the server of `url` behind TLS at `port`."""
    parts = urlsplit(url)
    secure = parts._replace(scheme="https", netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()
    return msgspec.structs.replace(
        Settings(clickhouse_url=secure, data_dir=str(data_dir), query_threads=1, query_attempts=1), **others
    )


async def ask(settings: Settings) -> str:
    """Return what a question and its answer come to."""
    store = open_server_store(settings)
    try:
        return (await store.fetch("SELECT {word:String} AS word", Answer, {"word": "there"}))[0].word
    finally:
        await store.close()


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
async def test_a_server_with_a_trusted_certificate_is_reached(
    clickhouse_server: ClickHouseServer, fresh_database: str, certificates: Path, tmp_path: Path, compression: str
) -> None:
    """Rows go in and come out, however they are packed."""
    async with tls_in_front(urlsplit(fresh_database).port or 0, certificates) as port:
        ca_file = str(certificates / "server.pem")
        settings = settings_for(
            fresh_database, port, tmp_path, clickhouse_ca_file=ca_file, clickhouse_compression=compression
        )
        store = open_server_store(settings)
        await store.execute("CREATE OR REPLACE TABLE words (word String) ENGINE = MergeTree ORDER BY word")
        await store.insert("words", ["word"], b'["a"]\n' * 10_000)
        rows = await store.fetch("SELECT word FROM words", Answer)
        await store.close()
    assert rows == [Answer("a")] * 10_000


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_another_certificate_is_refused(fresh_database: str, certificates: Path, tmp_path: Path) -> None:
    """By default nobody is trusted whom the system does not trust; that can be turned off."""
    async with tls_in_front(urlsplit(fresh_database).port or 0, certificates) as port:
        settings = settings_for(fresh_database, port, tmp_path)
        with pytest.raises(StoreUnavailableError, match=r"(?i)certificate"):
            await ask(settings)
        assert await ask(msgspec.structs.replace(settings, clickhouse_verify=False)) == "there"


async def test_the_service_shows_its_own_certificate(fresh_database: str, certificates: Path, tmp_path: Path) -> None:
    """A server that asks for one lets nobody in without."""
    async with tls_in_front(urlsplit(fresh_database).port or 0, certificates, asks_for_client=True) as port:
        settings = settings_for(fresh_database, port, tmp_path, clickhouse_ca_file=str(certificates / "server.pem"))
        with pytest.raises(StoreUnavailableError):
            await ask(settings)
        own = {
            name: str(certificates / f"client.{end}")
            for name, end in (("clickhouse_cert_file", "pem"), ("clickhouse_key_file", "key"))
        }
        assert await ask(msgspec.structs.replace(settings, **own)) == "there"


async def test_dbt_trusts_whom_the_service_trusts(fresh_database: str, certificates: Path, tmp_path: Path) -> None:
    """It connects by the same settings."""
    async with tls_in_front(urlsplit(fresh_database).port or 0, certificates) as port:
        ca_file = str(certificates / "server.pem")
        settings = settings_for(
            fresh_database, port, tmp_path, clickhouse_ca_file=ca_file, clickhouse_compression="lz4"
        )
        result = await run_dbt(settings, ["debug", "--connection"])
    assert "All checks passed!" in result.output, result.output
