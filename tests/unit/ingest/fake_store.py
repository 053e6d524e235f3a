"""A Store in memory that knows the few statements ingest makes."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from playhead.errors import StoreError
from playhead.events import BATCH_COLUMNS, EventBatch, EventRow, EventType, Visibility
from playhead.ingest.dead_letters import DeadLetter
from playhead.store.contract import Parameters, Row
from playhead.store.sql_files import query

Check = Callable[[bytes], StoreError | None]


async def _go_on() -> None:
    return


class FakeStore:
    """Keeps what is inserted; `check` may refuse an insert of events, `before_*` may delay."""

    database = "fake"

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.letters: list[DeadLetter] = []
        self.inserts: list[bytes] = []
        self.queries: list[str] = []
        self.check: Check = lambda _: None
        self.check_letters: Check = lambda _: None
        self.before_insert: Callable[[], Awaitable[None]] = _go_on
        self.before_fetch: Callable[[], Awaitable[None]] = _go_on

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Keep the rows, or fail as told."""
        if table == "dead_letters":
            assert tuple(columns) == DeadLetter.__struct_fields__
            if refusal := self.check_letters(lines):
                raise refusal
            self.letters += msgspec.json.Decoder(DeadLetter).decode_lines(lines)
            return
        assert (table, tuple(columns)) == ("event_batches", BATCH_COLUMNS)
        self.inserts.append(lines)
        await self.before_insert()
        if refusal := self.check(lines):
            raise refusal
        for batch in msgspec.json.Decoder(EventBatch).decode_lines(lines):
            self.rows += spread(batch)

    async def fetch(self, sql: str, row_type: type[Row], parameters: Parameters | None = None) -> list[Row]:
        """Answer the two questions about sessions as the SQL files do, of what was stored when asked."""
        assert parameters is not None
        answers = {
            query("find_client_sessions"): self._client_sessions,
            query("find_sessions_with_event"): self._sessions_with_event,
        }
        self.queries.append(sql)
        found = [msgspec.convert(row, row_type) for row in answers[sql](parameters)]
        await self.before_fetch()
        return found

    async def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Nothing in ingest executes statements."""
        raise AssertionError(sql, parameters)

    async def close(self, _: float | None = None, /) -> bool:
        """Nothing to let go."""
        return True

    def _client_sessions(self, parameters: Parameters) -> Iterator[dict[str, object]]:
        asked = set(zip(_texts(parameters["stream_ids"]), _texts(parameters["client_ids"]), strict=True))
        sessions: defaultdict[tuple[str, str], list[EventRow]] = defaultdict(list)
        for row in self.rows:
            sessions[row.stream_id, row.session_id].append(row)
        for (stream_id, session_id), rows in sessions.items():
            client_id = min(rows, key=lambda row: (row.ts, row.seq, row.type)).client_id
            begins_ts, ends_ts = min(row.ts for row in rows), max(row.ts for row in rows)
            is_near = begins_ts <= int(str(parameters["to_ts"])) and ends_ts >= int(str(parameters["from_ts"]))
            if (stream_id, client_id) in asked and is_near:
                yield {
                    "stream_id": stream_id,
                    "client_id": client_id,
                    "session": session_id,
                    "begins_ts": begins_ts,
                    "ends_ts": ends_ts,
                }

    def _sessions_with_event(self, parameters: Parameters) -> Iterator[dict[str, object]]:
        event = tuple(parameters[name] for name in ("stream_id", "ts", "seq", "type"))
        asked = set(_texts(parameters["session_ids"]))
        found = {row.session_id for row in self.rows if (row.stream_id, row.ts, row.seq, row.type) == event}
        for session_id in found & asked:
            yield {"session": session_id}


def spread(batch: EventBatch) -> Iterator[EventRow]:
    """Yield the rows that the database makes of a batch."""
    shared = {name: getattr(batch, name) for name in BATCH_COLUMNS if name != "events"}
    for event in batch.events:
        sent = {name: value for name, value in msgspec.structs.asdict(event).items() if value is not None}
        error = sent.pop("error", None)
        if error is not None:
            sent |= {
                "error_code": error.code,
                "error_message": error.message or "",
                "is_error_fatal": bool(error.fatal),
                "is_error_business": bool(error.business),
            }
        visible = Visibility.unknown if event.visible is None else Visibility(event.visible + 1)
        yield EventRow(**shared | sent | {"type": EventType[event.type].value, "visible": visible.value})


def _texts(value: object) -> list[str]:
    return msgspec.convert(value, list[str])
