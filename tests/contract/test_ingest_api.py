"""From a player's request to the figures of the admin API, over HTTP, on both engines."""

import gzip
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

NOW = int(time.time() * 1000)
CAPTURE = Path(__file__).parents[1] / "golden_cmcd" / "hls-js-1.7.4.txt"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ADDRESS = "81.2.69.142"
FROM_ADDRESS = {"X-Forwarded-For": ADDRESS}
PROXY = "127.0.0.1"
VOLATILE = {"from", "to", "freshness_s"}


class _Count(msgspec.Struct, frozen=True):
    n: int


class _Column(msgspec.Struct, frozen=True):
    table: str
    name: str


class _Letter(msgspec.Struct, frozen=True):
    protocol: str
    reason: str
    message: str
    payload: str


class _Row(msgspec.Struct, frozen=True):
    session_id: str
    client_id: str


@pytest.fixture(scope="module")
def settings(embedded_settings: Settings) -> Settings:
    """Give settings with a key and a proxy that is believed."""
    return msgspec.structs.replace(
        embedded_settings, admin_key=ADMIN_KEY, trusted_proxies=(f"{PROXY}/32",), flush_interval_ms=5
    )


@pytest.fixture(scope="module")
async def service(store: ClientStore, settings: Settings) -> AsyncIterator[RunningService]:
    """Give a running service."""
    async with run_service(settings, store) as running:
        yield running


def make_batch(stream: str, start: int = NOW - 120_000, **fields: Any) -> dict[str, Any]:
    """Return a session: startup 400 ms, 10 s played, 1 s rebuffering, 9 s played."""
    steps = [(0, "play"), (400, "playing"), (10_400, "rebuffer_start"), (11_400, "rebuffer_end"), (20_400, "ended")]
    events = [{"type": kind, "ts": start + after, "seq": seq} for seq, (after, kind) in enumerate(steps)]
    return {"stream_id": stream, "client_id": "viewer", "session_id": str(uuid4()), "events": events} | fields


def part(batch: dict[str, Any], *indexes: int) -> dict[str, Any]:
    """Return the batch with some of its events."""
    return batch | {"events": [batch["events"][index] for index in indexes]}


async def take(service: RunningService, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Send a batch that is taken, and return the answer."""
    answer = await service.send(body, headers)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def figures(service: RunningService, stream: str, **parameters: Any) -> dict[str, Any]:
    """Return what the admin API says of a stream now, less what the clock alone changes."""
    await service.refresh()
    answer = await service.ask(f"/admin/analytics/streams/{stream}", **parameters)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name not in VOLATILE}


async def rows_of(store: ClientStore, stream: str) -> list[_Row]:
    """Return the stored events of a stream, copies once, in their order."""
    sql = """
        SELECT toString(session_id) AS session_id, client_id FROM playback_events FINAL
        WHERE stream_id = {stream:String} ORDER BY ts, seq, session_id
    """
    return await store.fetch(sql, _Row, {"stream": stream})


async def send_cmcd(service: RunningService, body: str, **parameters: str) -> None:
    """Send CMCD records as hls.js does."""
    answer = await service.client.post(
        "/analytics/cmcd", content=body, params=parameters, headers={"Content-Type": "application/cmcd"}
    )
    assert (answer.status_code, answer.content) == (204, b"")


def move_capture(stream: str) -> list[str]:
    """Return the records of the captured session as if they had been sent just now, on a stream of their own."""
    lines = CAPTURE.read_text().splitlines()
    last = max(int(line.split("ts=")[1].split(",")[0]) for line in lines)
    moved = []
    for line in lines:
        ts = int(line.split("ts=")[1].split(",")[0])
        moved.append(line.replace(f"ts={ts}", f"ts={ts - last + NOW}").replace('cid="stream-1"', f'cid="{stream}"'))
    return moved


async def test_a_session_is_told_in_figures(service: RunningService) -> None:
    """What a player sends is what the admin API counts."""
    told = await take(service, make_batch("told", player={"provider": "hls"}, content={"title": "A talk"}))
    assert (told["accepted"], told["rejected"]) == (5, [])
    row = await figures(service, "told")
    assert (row["sessions"], row["attempts"], row["plays"], row["viewers"]) == (1, 1, 1, 1)
    assert (row["playing_time_s"], row["startup_ms_p50"]) == (19.0, pytest.approx(400, rel=0.01))
    assert (row["rebuffer_count"], row["rebuffer_time_s"], row["rebuffer_ratio"]) == (1, 1.0, pytest.approx(0.05))
    assert (row["provider"], row["content"]["title"]) == ("hls", "A talk")
    assert (row["peak_concurrent"], row["first_event_at"]) == (1, NOW - 120_000)


async def test_a_202_is_in_the_table_at_once(service: RunningService, store: ClientStore) -> None:
    """No refresh, no wait: when the answer is there, so are the rows."""
    for number in range(5):
        await take(service, make_batch("at-once"))
        assert len(await rows_of(store, "at-once")) == 5 * (number + 1)


@pytest.mark.parametrize("kind", ["json", "text", "encoding", "query", "members"])
async def test_every_way_to_write_a_body(service: RunningService, kind: str) -> None:
    """application/json and text/plain, as it is or gzip by header or query, are one protocol."""
    body = msgspec.json.encode(make_batch(f"as-{kind}"))
    half = len(body) // 2
    ways: dict[str, tuple[str, bytes, dict[str, str]]] = {
        "json": ("", body, {"Content-Type": "application/json; charset=utf-8"}),
        "text": ("", body, {"Content-Type": "text/plain;charset=UTF-8"}),
        "encoding": ("", gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        "query": ("?z=gzip", gzip.compress(body), {"Content-Type": "text/plain"}),
        "members": ("?z=gzip", gzip.compress(body[:half]) + gzip.compress(body[half:]), {"Content-Type": "text/plain"}),
    }
    query, content, headers = ways[kind]
    answer = await service.client.post(f"/analytics/events{query}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 5)
    assert (await figures(service, f"as-{kind}"))["playing_time_s"] == 19.0


@pytest.mark.parametrize("ahead_ms", [3_600_000, -3_600_000, 23 * 3_600_000])
async def test_a_wrong_clock_is_set_right(service: RunningService, ahead_ms: int) -> None:
    """Instants are told by the service's clock, durations by the player's."""
    stream = f"skew:{ahead_ms}"
    begin = NOW - 60_000
    await take(service, make_batch(stream, begin + ahead_ms, sent_at=int(time.time() * 1000) + ahead_ms))
    row = await figures(service, stream)
    assert abs(row["first_event_at"] - begin) < 10_000
    assert (row["last_event_at"] - row["first_event_at"], row["playing_time_s"]) == (20_400, 19.0)


async def test_valid_events_are_kept_when_others_are_not(service: RunningService, store: ClientStore) -> None:
    """Each refused event is told with its place and reason, and lies among the dead letters."""
    batch = make_batch("partly")
    batch["events"] += [
        {"type": "dance", "ts": NOW, "seq": 10},
        {"type": "pause", "ts": NOW, "seq": -1},
        {"type": "pause", "ts": NOW - 8 * 86_400_000, "seq": 11},
        {"type": "pause", "ts": NOW + 3_600_000, "seq": 12},
        {"type": "error", "ts": NOW, "seq": 13},
    ]
    told = await take(service, batch)
    reasons = ["unknown_type", "invalid_event", "too_old", "in_future", "invalid_event"]
    assert told["accepted"] == 5
    assert [(refusal["index"], refusal["code"]) for refusal in told["rejected"]] == list(enumerate(reasons, 5))
    assert (await figures(service, "partly"))["playing_time_s"] == 19.0


async def test_dead_letters_are_in_their_table(store: ClientStore, settings: Settings) -> None:
    """Refused events and dropped records are stored with protocol, reason, sentence and what was sent."""
    async with run_service(settings, store) as service:
        batch = make_batch("letters")
        batch["events"].append({"type": "moonwalk", "ts": NOW, "seq": 10})
        await take(service, batch)
        await send_cmcd(service, 'e=ps,sid="moonwalk",sta=p,v=2,ts=1')
    sql = """
        SELECT toString(protocol) AS protocol, toString(reason) AS reason, message, payload FROM dead_letters
        WHERE payload LIKE '%moonwalk%' ORDER BY protocol
    """
    cmcd, native = await store.fetch(sql, _Letter)
    assert (cmcd.protocol, native.protocol, native.reason) == ("cmcd", "native", "unknown_type")
    assert "type" in native.message


async def test_hls_js_is_told_in_figures(service: RunningService) -> None:
    """The captured session has the playing time and startup that were measured when it was recorded."""
    for record in move_capture("cmcd"):
        await send_cmcd(service, record)
    row = await figures(service, "cmcd")
    assert (row["sessions"], row["plays"], row["provider"]) == (1, 1, "hls")
    assert row["playing_time_s"] == pytest.approx(26.2, abs=0.2)
    assert row["startup_ms_p50"] == pytest.approx(463, rel=0.01)
    assert row["avg_bitrate_kbps"] == pytest.approx(950)
    assert (row["failure_rate"], row["rebuffer_count"]) == (0, 0)


async def test_cmcd_sent_again_changes_nothing(service: RunningService) -> None:
    """Records alone, all in one body, and backwards again make one session of the same figures."""
    records = move_capture("cmcd-again")
    await send_cmcd(service, "\n".join(records))
    before = await figures(service, "cmcd-again")
    for record in reversed(records):
        await send_cmcd(service, record)
    await send_cmcd(service, "\n".join(records))
    assert await figures(service, "cmcd-again") == before
    assert before["sessions"] == 1


@pytest.mark.parametrize("has_session", [True, False])
async def test_sending_again_changes_no_number(service: RunningService, *, has_session: bool) -> None:
    """Whole or in part, in any order, with a clock or without: figures stay as they are."""
    stream = f"again:{has_session}"
    batches = [make_batch(stream, NOW - 86_400_000 * (number + 1), client_id=f"client-{number}") for number in range(3)]
    if not has_session:
        batches = [batch | {"session_id": None} for batch in batches]
    for batch in batches:
        await take(service, batch)
    before = await figures(service, stream)
    assert (before["sessions"], before["playing_time_s"]) == (3, 57.0)
    shuffled = random.Random(5)
    again = [*batches, *(part(batch, *shuffled.sample(range(5), 3)) for batch in batches for _ in range(4))]
    shuffled.shuffle(again)
    for batch in again:
        await take(service, batch)
    assert await figures(service, stream) == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_parts_in_any_order_make_the_whole(service: RunningService, order: tuple[int, ...]) -> None:
    """A session's batches may come late and overtake each other."""
    stream = "order:" + "".join(map(str, order))
    batch = make_batch(stream)
    parts = [part(batch, 0, 1), part(batch, 1, 2), part(batch, 2, 3, 4)]
    for index in order:
        await take(service, parts[index])
        await service.refresh()
    row = await figures(service, stream)
    assert (row["sessions"], row["playing_time_s"], row["startup_ms_p50"]) == (1, 19.0, pytest.approx(400, rel=0.01))


async def test_two_services_give_a_client_one_session(store: ClientStore, settings: Settings) -> None:
    """Batches without a session find it whichever service takes them, at the same time and after a restart."""
    batch = make_batch("shared", session_id=None)
    async with run_service(settings, store) as first, run_service(settings, store) as second:
        named = {(await take(one, part(batch, index)))["session_id"] for index, one in enumerate([first, second] * 2)}
    async with run_service(settings, store) as third:
        named.add((await take(third, part(batch, 4)))["session_id"])
        row = await figures(third, "shared")
    assert len(named) == 1
    assert UUID(named.pop()).version == 7
    assert (row["sessions"], row["playing_time_s"]) == (1, 19.0)


async def test_a_session_ends_with_its_timeout(service: RunningService) -> None:
    """A batch half an hour and more after the last event begins another session."""
    first = await take(service, make_batch("pause", NOW - 7_200_000, session_id=None))
    near = await take(service, make_batch("pause", NOW - 7_200_000 + 20_400 + 1_800_000, session_id=None))
    far = await take(service, make_batch("pause", NOW - 10_000, session_id=None))
    assert first["session_id"] == near["session_id"] != far["session_id"]
    assert (await figures(service, "pause"))["sessions"] == 2


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
async def test_who_objects_is_not_linked(service: RunningService, store: ClientStore, header: str) -> None:
    """With DNT or GPC two sessions of a client have nothing in common, and its id is stored nowhere."""
    stream = f"private:{header}"
    batch = make_batch(stream, client_id=f"secret-{header}", session_id=None)
    first = await take(service, part(batch, 0, 1), {header: "1"})
    second = await take(service, make_batch(stream, client_id=f"secret-{header}", session_id=None), {header: "1"})
    assert first["session_id"] != second["session_id"]
    go_on = part(batch, 2, 3, 4) | {"session_id": first["session_id"]}
    assert (await take(service, go_on, {header: "1"}))["session_id"] == first["session_id"]
    rows = await rows_of(store, stream)
    assert all(row.client_id == row.session_id for row in rows)
    assert {row.session_id for row in rows} == {first["session_id"], second["session_id"]}
    row = await figures(service, stream)
    assert (row["sessions"], row["viewers"]) == (2, 2)
    assert await tables_with(store, f"secret-{header}") == []


async def test_bots_are_stored_and_left_out(service: RunningService, store: ClientStore) -> None:
    """A declared crawler counts only when asked for."""
    await take(service, make_batch("crawled"), {"User-Agent": GOOGLEBOT})
    await take(service, make_batch("crawled", client_id="human"), {"User-Agent": CHROME})
    assert len(await rows_of(store, "crawled")) == 10
    assert (await figures(service, "crawled"))["sessions"] == 1
    assert (await figures(service, "crawled", include_bots="true"))["sessions"] == 2
    assert (await figures(service, "crawled", device="desktop"))["sessions"] == 1


async def test_strict_streams(store: ClientStore, settings: Settings) -> None:
    """Where only registered streams may send, others' events are told apart and not stored; CMCD's are dropped."""
    line = msgspec.json.encode(["registered", "Registered", "red", False, "[]"]) + b"\n"
    await store.insert("streams", ["stream_id", "title", "organizer_id", "is_live", "providers"], line)
    async with run_service(msgspec.structs.replace(settings, strict_streams=True), store) as strict:
        known = await take(strict, make_batch("registered"))
        unknown = await take(strict, make_batch("stranger"))
        await send_cmcd(strict, move_capture("stranger")[3])
        row = await figures(strict, "registered")
        assert (await strict.ask("/admin/analytics/streams/stranger")).status_code == 404
    assert (known["accepted"], row["organizer_id"], row["sessions"]) == (5, "red", 1)
    assert (unknown["accepted"], {refusal["code"] for refusal in unknown["rejected"]}) == (0, {"unknown_stream"})
    assert await rows_of(store, "stranger") == []


async def test_no_sender_chooses_its_organizer(service: RunningService) -> None:
    """What an envelope says of an organizer is passed over."""
    await take(service, make_batch("claimed", organizer_id="red", content={"title": "x", "organizer_id": "red"}))
    assert (await figures(service, "claimed"))["organizer_id"] is None


@pytest.mark.parametrize("headers", [FROM_ADDRESS, {"X-Forwarded-For": f"10.0.0.1, {ADDRESS}"}])
async def test_addresses_are_in_no_table(service: RunningService, store: ClientStore, headers: dict[str, str]) -> None:
    """The country is known by the address, and the address is nowhere: neither the viewer's nor the proxy's."""
    batch = make_batch("located", page_url="https://example.org/watch?ip=1#x")
    batch["events"].append({"type": "dance", "ts": NOW, "seq": 9})
    await take(service, batch, headers)
    content_type = {"Content-Type": "application/cmcd"}
    records = "\n".join(move_capture("located"))
    answer: httpx.Response = await service.client.post(
        "/analytics/cmcd", content=records, headers=headers | content_type
    )
    assert answer.status_code == 204
    row = await figures(service, "located", country="GB")
    assert row["sessions"] >= 2
    assert await tables_with(store, ADDRESS) == []
    assert await tables_with(store, PROXY) == []
    assert "playback_events.page_url" in await tables_with(store, "example.org/watch")
    assert await tables_with(store, "ip=1") == []


async def tables_with(store: ClientStore, text: str) -> list[str]:
    """Return the columns of any table of the database, as table.column, that hold `text`."""
    columns = await store.fetch(
        """
        SELECT table, name FROM system.columns
        WHERE database IN (currentDatabase(), concat(currentDatabase(), '_local'))
          AND match(type, 'String') AND NOT match(type, 'AggregateFunction')
          AND (database, table) IN (SELECT database, name FROM system.tables WHERE engine LIKE '%MergeTree')
          AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase())
        ORDER BY table, name
        """,
        _Column,
    )
    assert {"playback_events", "dead_letters", "sessions", "client_sessions"} <= {column.table for column in columns}
    found = []
    for column in columns:
        sql = f"SELECT count() AS n FROM {column.table} WHERE position(toString({column.name}), {{text:String}}) > 0"
        [count] = await store.fetch(sql, _Count, {"text": text})
        found += [f"{column.table}.{column.name}"] if count.n else []
    return found
