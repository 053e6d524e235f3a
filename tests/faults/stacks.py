"""What is struck: services with their database, all of it real processes, and a network between them that can fail."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faults.disks import SmallDisk
from tests.servers.choose import need_server_process
from tests.servers.clickhouse_http import ask
from tests.servers.clickhouse_process import ClickHouseProcess
from tests.servers.fault_proxy import FaultProxy
from tests.servers.service_process import ServiceProcess

IMPATIENT = {
    "PLAYHEAD_INSERT_TIMEOUT_S": "1",
    "PLAYHEAD_INSERT_ATTEMPTS": "2",
    "PLAYHEAD_QUERY_TIMEOUT_S": "15",
    "PLAYHEAD_SHUTDOWN_TIMEOUT_S": "3",
    "PLAYHEAD_REFRESH_INTERVAL_S": "0.3",
}
"""An outage of seconds shows what one of minutes would."""


@dataclass(frozen=True)
class Layout:
    """What a kind of fault needs: services over a server, or one with the embedded engine; where the data lies."""

    services: int = 1
    is_embedded: bool = False
    data_on_small_disk: bool = False
    database_on_small_disk: bool = False
    spool_on_small_disk: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Stack:
    """The processes of one layout; `database` and `proxy` are those of a server, else None."""

    services: list[ServiceProcess]
    database: ClickHouseProcess | None
    proxy: FaultProxy | None
    disk: SmallDisk | None
    clock: Path | None

    @property
    def server(self) -> ClickHouseProcess:
        """The database's process; there is one."""
        assert self.database is not None
        return self.database

    @property
    def network(self) -> FaultProxy:
        """What lies between the services and the database; there is something."""
        assert self.proxy is not None
        return self.proxy

    def ask(self, sql: str) -> str:
        """Ask the database, past the network that fails."""
        return ask(self.database.url() if self.database else self.services[0].sql_url, sql)

    def spool_folders(self) -> list[Path]:
        """Where the services keep what waits."""
        return [
            folder
            for service in self.services
            for folder in Path(service.settings.get("PLAYHEAD_SPOOL_DIR", service.data_dir / "spool")).glob("*")
        ]

    async def told(self) -> list[dict[str, object]]:
        """What each service says of its spool; raises httpx.HTTPError while one cannot."""
        answers = [await asyncio.to_thread(service.admin, "/admin/ingest") for service in self.services]
        return [answer.json()["spool"] for answer in answers]

    async def wait_for_empty_spools(self, timeout_s: float = 120.0) -> None:
        """Wait until nothing waits on disk; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not await self._are_spools_empty():  # noqa: ASYNC110 - processes tell nothing of themselves
                await asyncio.sleep(0.1)

    async def _are_spools_empty(self) -> bool:
        try:
            return all(told["state"] == "idle" and told["segments"] == 0 for told in await self.told())
        except httpx.HTTPError:
            return False


@asynccontextmanager
async def run_stack(folder: Path, layout: Layout) -> AsyncIterator[Stack]:
    """Start a layout on `folder`, and stop it."""
    async with AsyncExitStack() as running:
        disk = None
        if layout.data_on_small_disk or layout.database_on_small_disk or layout.spool_on_small_disk:
            disk = running.enter_context(SmallDisk(folder / "small"))
        database, proxy = None, None
        settings = {**IMPATIENT, **layout.settings}
        clock = _clock(folder, settings)
        if not layout.is_embedded:
            database = need_server_process(disk.path if disk and layout.database_on_small_disk else folder / "database")
            await asyncio.to_thread(running.enter_context, database)
            proxy = FaultProxy(database.http_port)
            await proxy.start()
            running.push_async_callback(proxy.stop)
            settings["PLAYHEAD_CLICKHOUSE_URL"] = database.url().replace(f":{database.http_port}/", f":{proxy.port}/")
        if disk and layout.spool_on_small_disk:
            settings["PLAYHEAD_SPOOL_DIR"] = str(disk.path / "spool")
        if disk and layout.data_on_small_disk:
            settings["PLAYHEAD_DATA_DIR"] = str(disk.path / "data")
        services = []
        for number in range(layout.services):
            service = ServiceProcess(folder / f"service{number}", settings)
            await asyncio.to_thread(running.enter_context, service)
            services.append(service)
        yield Stack(services, database, proxy, disk, clock)


def _clock(folder: Path, settings: dict[str, str]) -> Path | None:
    """Make the file that libfaketime reads the services' clock from, where it is preloaded."""
    if "LD_PRELOAD" not in settings:
        return None
    clock = folder / "clock"
    clock.write_text("+0\n")
    settings |= {
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return clock
