"""While the database takes nothing, events wait on disk, are acknowledged, and are stored once when it is back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from playhead.errors import StoreError, StoreRejectedError, StoreUnavailableError
from playhead.ingest.lines import count_events
from playhead.ingest.sessions import make_session_id
from playhead.ingest.spool import SpoolStats
from playhead.ingest.spool_files import Record, RecordKind, claim_folder
from tests.unit.ingest.arrivals import row
from tests.unit.ingest.bodies import envelope, event
from tests.unit.ingest.conftest import NOW, Open, Service
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio


def down(_: bytes) -> StoreError:
    """Refuse everything for now."""
    return StoreUnavailableError("down", code_number=210)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    """Return settings of a service with a spool, which does not wait for a second try."""
    return {"spool": True, "spool_dir": str(tmp_path), "insert_attempts": 1}


def stats_of(service: Service) -> SpoolStats:
    """Return how the spool does."""
    stats = service.app.spool_stats
    assert stats is not None
    return stats


def files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of the first process."""
    return sorted((folder / "0").glob(pattern))


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for what happens by itself."""
    async with asyncio.timeout(20):
        while not is_true():  # noqa: ASYNC110 - there is no event to wait for from outside
            await asyncio.sleep(0.01)


async def test_events_wait_on_disk(open_service: Open, store: FakeStore, settings: dict[str, object]) -> None:
    """They are acknowledged while the database is down, and there when it is back."""
    async with open_service(**settings) as service:
        store.check = down
        for _ in range(3):
            answer = await service.post(json=envelope(session_id=str(uuid4())))
            assert answer.status_code == 202
        assert store.rows == []
        assert (stats_of(service).state, stats_of(service).spooled_rows > 0) == ("spooling", True)
        store.check = lambda _: None
        await until(lambda: stats_of(service).state == "idle")
        assert len({row.session_id for row in store.rows}) == 3
        assert (stats_of(service).bytes, stats_of(service).replayed_rows) == (0, len(store.rows))


async def test_the_next_process_goes_on(open_service: Open, store: FakeStore, settings: dict[str, object]) -> None:
    """What one left, the next one stores."""
    session_id = str(uuid4())
    store.check = down
    async with open_service(**settings) as service:
        assert (await service.post(json=envelope(session_id=session_id))).status_code == 202
    store.check = lambda _: None
    async with open_service(**settings) as service:
        await until(lambda: stats_of(service).state == "idle")
    assert {row.session_id for row in store.rows} == {session_id}


async def test_sessions_are_found_when_the_database_is_back(
    open_service: Open, store: FakeStore, settings: dict[str, object]
) -> None:
    """A batch without a session id goes where it belongs, though nobody could tell when it came."""
    async with open_service(**settings) as service:
        known = (await service.post(json=envelope(session_id=None))).json()["session_id"]

        async def fail() -> None:
            raise StoreUnavailableError("down", code_number=210)

        store.check, store.before_fetch = down, fail
        later = envelope(event(NOW - 1000, 50, "heartbeat"), session_id=None)
        answer = await service.post(json=later)
        assert answer.status_code == 202
        named = answer.json()["session_id"]
        assert named == make_session_id(NOW - 1000, later["stream_id"].encode(), later["client_id"].encode())

        async def go_on() -> None:
            return

        store.check, store.before_fetch = lambda _: None, go_on
        await until(lambda: stats_of(service).state == "idle")
        assert {row.session_id for row in store.rows} == {known}


async def test_a_full_spool_is_said(open_service: Open, store: FakeStore, settings: dict[str, object]) -> None:
    """Nothing is acknowledged that is kept nowhere."""
    store.check = down
    async with open_service(**settings, spool_max_bytes=1024 * 1024) as service:
        service.app._spool._folder._max_bytes = 100  # type: ignore[union-attr]
        answer = await service.post(json=envelope(session_id=str(uuid4())))
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert stats_of(service).refused_appends == 1


async def test_refused_rows_are_set_aside(
    open_service: Open, store: FakeStore, settings: dict[str, object], tmp_path: Path
) -> None:
    """A row that the database never takes is kept in a file and as a letter, and the others are stored."""
    poison = str(uuid4())
    async with open_service(**settings) as service:
        store.check = down
        for session_id in (str(uuid4()), poison, str(uuid4())):
            assert (await service.post(json=envelope(session_id=session_id))).status_code == 202
        store.check = lambda lines: StoreRejectedError("never") if poison.encode() in lines else None
        await until(lambda: stats_of(service).state == "idle")
    assert len(store.rows) == 2
    assert [letter.reason for letter in store.letters] == ["poison_row"]
    [file] = files(tmp_path, "set-aside/*.refused")
    assert poison in file.read_text()


async def test_only_the_refused_event_of_a_batch_is_set_aside(
    open_service: Open, store: FakeStore, settings: dict[str, object], tmp_path: Path
) -> None:
    """Batches are taken apart while the database refuses one, and the other events are stored."""
    async with open_service(**settings) as service:
        store.check = down
        events = [event(NOW - seq, seq, "heartbeat", position_ms=1000 + seq) for seq in range(5)]
        assert (await service.post(json=envelope(*events))).status_code == 202
        store.check = lambda lines: StoreRejectedError("never") if b'"position_ms":1003' in lines else None
        await until(lambda: stats_of(service).state == "idle")
    assert sorted(row.seq for row in store.rows) == [0, 1, 2, 4]
    [file] = files(tmp_path, "set-aside/*.refused")
    assert (count_events(file.read_bytes()), b'"position_ms":1003' in file.read_bytes()) == (1, True)


async def test_rows_that_an_earlier_version_spooled_are_stored(
    open_service: Open, store: FakeStore, settings: dict[str, object], tmp_path: Path
) -> None:
    """They are inserted as batches."""
    rows = [row(NOW - seq, seq, session_id=str(uuid4())) for seq in range(3)]
    folder = claim_folder(tmp_path, max_bytes=1024 * 1024, segment_bytes=1024)
    folder.append([Record(kind=RecordKind.rows, rows=3, payload=msgspec.json.Encoder().encode_lines(rows))])
    folder.close()
    async with open_service(**settings) as service:
        await until(lambda: stats_of(service).state == "idle")
        assert (stats_of(service).replayed_rows, stats_of(service).set_aside_records) == (3, 0)
    assert store.rows == rows


async def test_a_damaged_record_costs_only_itself(
    open_service: Open, store: FakeStore, settings: dict[str, object], tmp_path: Path
) -> None:
    """It is kept aside and counted; what stands before and behind it is stored."""
    sessions = [str(uuid4()) for _ in range(3)]
    store.check = down
    async with open_service(**settings) as service:
        for session_id in sessions:
            assert (await service.post(json=envelope(session_id=session_id))).status_code == 202
    for segment in files(tmp_path, "*.segment"):
        segment.write_bytes(segment.read_bytes().replace(sessions[1].encode(), sessions[1].upper().encode(), 1))
    store.check = lambda _: None
    async with open_service(**settings) as service:
        await until(lambda: stats_of(service).state == "idle")
        assert stats_of(service).set_aside_records == 1
    assert {row.session_id for row in store.rows} == {sessions[0], sessions[2]}
    assert len(files(tmp_path, "set-aside/*.damaged")) == 1


async def test_batches_without_sessions_are_stored_together(
    open_service: Open, store: FakeStore, settings: dict[str, object]
) -> None:
    """After an outage the database is not asked twice for each of them; one sender's stay in their order."""

    async def fail() -> None:
        raise StoreUnavailableError("down", code_number=210)

    async def go_on() -> None:
        return

    async with open_service(**settings) as service:
        store.check, store.before_fetch = down, fail
        bodies = [
            envelope(event(NOW - 5000 + seq, seq, "heartbeat"), session_id=None, client_id=f"c{client}")
            for seq in range(3)
            for client in range(40)
        ]
        for body in bodies:
            assert (await service.post(json=body)).status_code == 202
        inserts, questions = len(store.inserts), len(store.queries)
        store.check, store.before_fetch = lambda _: None, go_on
        await until(lambda: stats_of(service).state == "idle")
    assert {row.client_id: row.session_id for row in store.rows} == {
        f"c{client}": make_session_id(NOW - 5000, b"s", f"c{client}".encode()) for client in range(40)
    }
    assert len(store.rows) == len(bodies)
    assert (len(store.inserts) - inserts, len(store.queries) - questions) < (20, 20)


async def test_a_starving_database_loses_nothing(
    open_service: Open, store: FakeStore, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without memory it says what the system told it; that is no word against the rows, however often it comes."""
    monkeypatch.setattr("playhead.ingest.spool.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr("playhead.ingest.spool.LONGEST_PAUSE_S", 0.001)
    refusals = iter([*([173, 439, 1001] * 10)])
    store.check = lambda _: StoreUnavailableError("none left", code_number=next(refusals, 439))
    async with open_service(**settings) as service:
        assert (await service.post(json=envelope(session_id=str(uuid4())))).status_code == 202
        await until(lambda: next(refusals, None) is None)
        store.check = lambda _: None
        await until(lambda: stats_of(service).state == "idle")
        assert stats_of(service).set_aside_records == 0
    assert len(store.rows) == 1
