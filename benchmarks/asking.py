"""Asks the admin API one request after the other, as a dashboard does, and says how long the answers took."""

import http.client
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from urllib.parse import urlencode, urlsplit

import msgspec

from benchmarks.questions import KINDS, RANGES, Kind, Session, World, make_paths
from playhead.simulate.audience import Catalogue

TIMEOUT_S = 120.0
POPULAR_STREAMS = 20
SESSIONS_PER_STREAM = 50


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of question over ranges of `days` (0: it has no range), each of `requests` asked once."""

    kind: str
    days: int
    requests: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    mean_bytes: float


class _SessionsAnswer(msgspec.Struct):
    items: list[Session]


class Admin:
    """One keep-alive connection with an admin key."""

    def __init__(self, url: str, admin_key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {admin_key}"}

    def get(self, path: str) -> bytes:
        """Return the answer's body; raises RuntimeError on another status than 200."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:500]!r}")
        return body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def connect(url: str, admin_key: str) -> Iterator[Admin]:
    """Yield a connection to the service at `url`."""
    admin = Admin(url, admin_key)
    try:
        yield admin
    finally:
        admin.close()


def look_around(admin: Admin, catalogue: Catalogue, first_day: date, last_day: date) -> World:
    """Return what can be asked about: the newest sessions of the most popular streams."""
    parameters = urlencode({"from": first_day, "to": last_day, "limit": SESSIONS_PER_STREAM})
    sessions = [
        session
        for stream in catalogue.streams[:POPULAR_STREAMS]
        for session in msgspec.json.decode(
            admin.get(f"/admin/analytics/streams/{stream.stream_id}/sessions?{parameters}"), type=_SessionsAnswer
        ).items
    ]
    return World(first_day, catalogue, sessions)


def ask_everything(admin: Admin, world: World, requests: int, seed: int) -> Iterator[Asked]:
    """Ask every kind over every range and yield the times; a request of another seed goes ahead of each, untimed."""
    for kind in KINDS:
        for days in RANGES if kind.has_range else (0,):
            for path in make_paths(kind, days or RANGES[0], world, 3, seed + 1):
                admin.get(path)
            yield _ask(admin, kind, days, make_paths(kind, days or RANGES[0], world, requests, seed))


def _ask(admin: Admin, kind: Kind, days: int, paths: Sequence[str]) -> Asked:
    times_ms, sizes = [], []
    for path in paths:
        began = time.perf_counter()
        body = admin.get(path)
        times_ms.append((time.perf_counter() - began) * 1000)
        sizes.append(len(body))
    return Asked(
        kind=kind.name,
        days=days,
        requests=len(paths),
        p50_ms=quantile(times_ms, 0.5),
        p95_ms=quantile(times_ms, 0.95),
        max_ms=max(times_ms),
        mean_bytes=sum(sizes) / len(sizes),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """Return the sorted value at floor(share (n - 1)), as the service's own quantiles do."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]
