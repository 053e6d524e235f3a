"""Random changes to valid bodies: what a broken or hostile sender might send."""

import copy
import gzip
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.unit.ingest.bodies import SESSION, envelope, event
from tests.unit.ingest.conftest import NOW

SCALARS: list[Any] = [
    None, True, False, 0, -1, 1.5, -0.5, 1e308, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30, "", "x", "\x00", "ä" * 3000,
    "a b", "'; DROP TABLE playback_events; --", "{x:String}", "\\", "🎬", "1e5", NOW, NOW - 10**10, NOW + 10**10, [],
    {}, [[]], {"": {}}, "https://u:p@h/p?q#f", SESSION, "play", "error", "rewind",
]  # fmt: skip


def valid_bodies(chance: random.Random) -> Iterator[Any]:
    """Yield valid bodies without end, no two alike."""
    number = 0
    while True:
        number += 1
        kinds = chance.choices(["play", "playing", "pause", "heartbeat", "visibility", "error", "quit"], k=3)
        events = [
            event(NOW - chance.randrange(10**7), number * 10 + place, kind, **_details(kind, chance))
            for place, kind in enumerate(kinds)
        ]
        body = envelope(
            *events,
            stream_id=f"s{number % 7}",
            client_id=f"c{number % 50}",
            sent_at=NOW - chance.randrange(-1000, 1000),
            player={"provider": "hls", "name": "p", "version": "1"},
            content={"title": "t", "duration_ms": 5, "live": True},
            page_url="https://example.org/a",
            timezone="UTC",
        )
        if number % 3 == 0:
            del body["session_id"]
        yield body


def _details(kind: str, chance: random.Random) -> dict[str, Any]:
    details: dict[str, Any] = {
        "position_ms": chance.randrange(10**6),
        "bitrate_kbps": 3000.5,
        "width": 1280,
        "visible": True,
    }
    return details | ({"error": {"code": "E", "message": "m", "fatal": True}} if kind == "error" else {})


def mutate(body: Any, chance: random.Random) -> tuple[bytes, bool]:
    """Return a changed body, and whether it is to be sent as gzip."""
    for _ in range(chance.randrange(1, 4)):
        chance.choice(CHANGES_OF_VALUES)(body, chance)
    data = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode()
    if chance.random() < 0.4:
        data = chance.choice(CHANGES_OF_BYTES)(data, chance)
    if chance.random() < 0.1:
        packed = gzip.compress(data)
        return (_flip(packed, chance) if chance.random() < 0.5 else packed), True
    return data, False


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) inside `value`."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def _replace(body: Any, chance: random.Random) -> None:
    if places := _places(body):
        container, key = chance.choice(places)
        container[key] = _any_value(chance)


def _any_value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(SCALARS))


def _remove(body: Any, chance: random.Random) -> None:
    if places := _places(body):
        container, key = chance.choice(places)
        del container[key]


def _swap(body: Any, chance: random.Random) -> None:
    if places := _places(body):
        (one, key), (other, other_key) = chance.choice(places), chance.choice(places)
        one[key] = copy.deepcopy(other[other_key])


def _add(body: Any, chance: random.Random) -> None:
    containers = [body, *(container[key] for container, key in _places(body))]
    container = chance.choice(containers)
    if isinstance(container, dict):
        container[chance.choice(["x", "type", "ts", "error", "events", ""])] = _any_value(chance)
    elif isinstance(container, list):
        container.append(_any_value(chance))


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return (
        data[:place]
        + chance.choice([b"{", b"[" * 3000, b'"', b"\\ud800", b"\xff", b"\x00", b"NaN", b"1e999", b","])
        + data[place:]
    )


def _double(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[max(0, start - chance.randrange(100)) :]


CHANGES_OF_VALUES: list[Callable[[Any, random.Random], None]] = [_replace, _replace, _remove, _swap, _add]
CHANGES_OF_BYTES: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _insert, _double]
