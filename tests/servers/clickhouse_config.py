"""The configuration of a test server, as the XML that ClickHouse reads."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class ServerUser:
    """A user who signs in with a password; `grants` are GRANT statements without their TO, none: everything."""

    name: str
    password: str
    grants: tuple[str, ...] = ()

    def url(self, address: str, database: str) -> str:
        """Return http://name:password@address/database, escaped; `address` is host:port."""
        return f"http://{quote(self.name, safe='')}:{quote(self.password, safe='')}@{address}/{database}"


SHIPPED_CONFIG = Path(__file__).parents[2] / "clickhouse" / "server"
"""What operators are given, users among it; every test server has it beside its own."""

SHIPPED_USERS = {
    role: ServerUser(f"playhead_{role}", f"{role} p@ss/word:%") for role in ("owner", "api", "ingest", "dbt", "grafana")
}
SHIPPED_PASSWORDS = {f"PLAYHEAD_{role.upper()}_PASSWORD": user.password for role, user in SHIPPED_USERS.items()}
"""What the environment of a server tells it."""


@dataclass(frozen=True)
class ServerConfig:
    """All that differs between two test servers; `clusters` maps a name to its shards, (host, TCP port), in order.

    With a `secret` that they share, shards do what they are asked as who asked it, else as the owner.
    """

    folder: Path
    http_port: int
    tcp_port: int
    owner: ServerUser
    users: tuple[ServerUser, ...] = ()
    clusters: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    host: str = "127.0.0.1"
    max_memory_usage: int = 0
    secret: str = ""

    def write(self) -> Path:
        """Write the files into the folder and return the path of the main one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in ("config.d", "users.d"):
            shutil.copytree(SHIPPED_CONFIG / folder, self.folder / folder, dirs_exist_ok=True)
        users = self.folder / "users.xml"
        users.write_bytes(_to_xml(_users((self.owner, *self.users), self.max_memory_usage)))
        config = self.folder / "config.xml"
        config.write_bytes(_to_xml(self._main(users)))
        return config

    def _main(self, users: Path) -> dict[str, Any]:
        return {
            "path": f"{self.folder / 'data'}/",
            "users_config": str(users),
            "listen_host": self.host,
            "http_port": self.http_port,
            "tcp_port": self.tcp_port,
            "log-level": "information",
            "logger": {"log": str(self.folder / "server.log")},
            "query_log": {"database": "system", "table": "query_log", "flush_interval_milliseconds": 200},
            "remote_servers": {name: self._cluster(places) for name, places in self.clusters.items()},
        }

    def _cluster(self, places: Sequence[tuple[str, int]]) -> dict[str, Any]:
        return ({"secret": self.secret} if self.secret else {}) | {"shard": self._shards(places)}

    def _shards(self, places: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
        sign_in = {} if self.secret else {"user": self.owner.name, "password": self.owner.password}
        return [{"replica": {"host": host, "port": port, **sign_in}} for host, port in places]


def _users(users: Sequence[ServerUser], max_memory_usage: int) -> dict[str, Any]:
    return {
        "profiles": {"default": {"max_memory_usage": max_memory_usage}},
        "quotas": {"default": {}},
        # clickhouse-local itself signs in as this one, to listen; it may not do or read anything else.
        "users": {"default": _user("", ("GRANT SYSTEM LISTEN ON *.*",))}
        | {user.name: _user(user.password, user.grants) for user in users},
    }


def _user(password: str, grants: Sequence[str]) -> dict[str, Any]:
    rights: dict[str, Any] = {"grants": {"query": list(grants)}} if grants else {"access_management": 1}
    return {"password": password, "networks": {"ip": "127.0.0.0/8"}, "profile": "default", "quota": "default", **rights}


def _to_xml(tree: Mapping[str, Any]) -> bytes:
    root = ET.Element("clickhouse")
    _fill(root, tree)
    return ET.tostring(root)


def _fill(element: ET.Element, value: Any) -> None:
    if not isinstance(value, Mapping):
        element.text = str(value)
        return
    for name, child in value.items():
        for each in child if isinstance(child, list) else [child]:
            _fill(ET.SubElement(element, name), each)
