"""Two server processes as a cluster of two shards, at one HTTP port of two addresses, as on two machines."""

from pathlib import Path
from typing import Self

from tests.servers.choose import need_server_process
from tests.servers.clickhouse_config import ServerUser
from tests.servers.clickhouse_process import DATABASE, OWNER, ClickHouseProcess
from tests.servers.relay import Relay

CLUSTER = "pair"
HOSTS = ("127.0.0.1", "127.0.0.2")
PORT_ATTEMPTS = 20


class ClickHouseCluster:
    """Two shards, the first of which every URL names; with a `secret` each works as the user who asked the other."""

    def __init__(self, folder: Path, *, secret: str = "") -> None:
        self.shards = _reserve(folder)
        first, second = self.shards
        self._relay = Relay(second.host, second.tcp_port)
        for shard in self.shards:
            shard.join_cluster(CLUSTER, [(first.host, first.tcp_port), (second.host, self._relay.port)], secret)

    def url(self, database: str = DATABASE, *, user: ServerUser = OWNER) -> str:
        """Return http://user:password@host:port/database of the first shard, escaped."""
        return self.shards[0].url(database, user=user)

    def start(self) -> None:
        """Start both and wait until they answer."""
        for shard in self.shards:
            shard.start()

    def stop(self) -> None:
        """Ask both to end and give their ports away."""
        for shard in self.shards:
            shard.stop()
        self._relay.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _reserve(folder: Path) -> tuple[ClickHouseProcess, ClickHouseProcess]:
    """Return two servers that share an HTTP port; one that is free at one address may be taken at the other."""
    for _ in range(PORT_ATTEMPTS):
        first = need_server_process(folder / "first", host=HOSTS[0])
        try:
            return first, need_server_process(folder / "second", host=HOSTS[1], http_port=first.http_port)
        except OSError:
            first.stop()
    raise RuntimeError("no port is free at both addresses")
