"""Asks admin APIs one request after the other, as a dashboard does, and says how long the answers took."""

import http.client
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import zip_longest
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


def ask_everything(asked: Sequence[tuple[Admin, World]], requests: int, seed: int) -> Iterator[list[Asked]]:
    """Ask every kind over every range and yield the times of each who is asked.

    They are asked by turns, so that the machine's speed, which is another some minutes later, is the same for all. Some
    requests of another seed go ahead of each kind, untimed.
    """
    for kind in KINDS:
        for days in RANGES if kind.has_range else (0,):
            for admin, world in asked:
                for path in make_paths(kind, days or RANGES[0], world, 3, seed + 1):
                    admin.get(path)
            paths = [make_paths(kind, days or RANGES[0], world, requests, seed) for _, world in asked]
            answers: list[list[_Answer]] = [[] for _ in asked]
            for turn in zip_longest(*paths):
                for (admin, _), path, told in zip(asked, turn, answers, strict=True):
                    if path is not None:
                        told.append(_ask(admin, path))
            yield [_sum_up(kind, days, told) for told in answers]


class _Answer(msgspec.Struct, frozen=True):
    elapsed_ms: float
    bytes: int


def _ask(admin: Admin, path: str) -> _Answer:
    began = time.perf_counter()
    body = admin.get(path)
    return _Answer((time.perf_counter() - began) * 1000, len(body))


def _sum_up(kind: Kind, days: int, answers: Sequence[_Answer]) -> Asked:
    times_ms = [answer.elapsed_ms for answer in answers]
    return Asked(
        kind=kind.name,
        days=days,
        requests=len(answers),
        p50_ms=quantile(times_ms, 0.5),
        p95_ms=quantile(times_ms, 0.95),
        max_ms=max(times_ms),
        mean_bytes=sum(answer.bytes for answer in answers) / len(answers),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """Return the sorted value at floor(share (n - 1)), as the service's own quantiles do."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]
