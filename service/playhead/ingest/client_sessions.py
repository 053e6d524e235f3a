"""Asks the database for the sessions of clients: one query at a time, for everybody who waits for one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from playhead.errors import PlayheadError, StoreUnavailableError
from playhead.ingest.batch import EventKey
from playhead.store.contract import Store
from playhead.store.sql_files import query

MAX_CLIENTS_PER_QUERY = 256
"""Parameters travel in the URL, which servers cut at a megabyte."""


class Sender(NamedTuple):
    """A client on a stream."""

    stream_id: str
    client_id: str


class SessionSpan(msgspec.Struct, frozen=True):
    """A session and where its events lie on the client's clock, both ends included."""

    session_id: str
    first_ts: int
    last_ts: int


class _FoundSession(msgspec.Struct, frozen=True):
    stream_id: str
    client_id: str
    session: str
    begins_ts: int
    ends_ts: int


class _SessionName(msgspec.Struct, frozen=True):
    session: str


class _Question(msgspec.Struct, frozen=True):
    sender: Sender
    from_ts: int
    to_ts: int
    answer: asyncio.Future[list[SessionSpan]]


class ClientSessions:
    """The sessions of clients, stored and under way.

    `under_way` tells those that are not stored yet. It is asked right before each query, so that a session whose
    insert ends while the query runs is in one or the other.
    """

    def __init__(self, store: Store, under_way: Callable[[Sender], list[SessionSpan]]) -> None:
        self._store = store
        self._under_way = under_way
        self._questions: list[_Question] = []
        self._asker: asyncio.Task[None] | None = None

    async def find(self, sender: Sender, from_ts: int, to_ts: int) -> list[SessionSpan]:
        """Return the sessions of `sender` that touch [from_ts, to_ts], and maybe others; raises StoreError.

        A session may be there more than once, with different spans.
        """
        answer: asyncio.Future[list[SessionSpan]] = asyncio.get_running_loop().create_future()
        self._questions.append(_Question(sender, from_ts, to_ts, answer))
        if self._asker is None or self._asker.done():
            self._asker = asyncio.create_task(self._ask_all())
        return await answer

    async def find_holding(self, stream_id: str, session_ids: Sequence[str], event: EventKey) -> set[str]:
        """Return which of some sessions of a stream hold `event`; raises StoreError."""
        parameters = {"stream_id": stream_id, "session_ids": list(session_ids)} | event._asdict()
        rows = await self._store.fetch(query("find_sessions_with_event"), _SessionName, parameters)
        return {row.session for row in rows}

    async def _ask_all(self) -> None:
        while self._questions:
            asked = self._questions[:MAX_CLIENTS_PER_QUERY]
            del self._questions[:MAX_CLIENTS_PER_QUERY]
            try:
                self._tell(asked, await self._ask(asked))
            except PlayheadError as error:
                _fail(asked, error)
            except Exception as error:
                _fail(asked, StoreUnavailableError(str(error)))
                raise

    async def _ask(self, asked: Sequence[_Question]) -> dict[Sender, list[SessionSpan]]:
        senders = sorted({question.sender for question in asked})
        spans = {sender: self._under_way(sender) for sender in senders}
        parameters = {
            "stream_ids": [sender.stream_id for sender in senders],
            "client_ids": [sender.client_id for sender in senders],
            "from_ts": min(question.from_ts for question in asked),
            "to_ts": max(question.to_ts for question in asked),
        }
        for row in await self._store.fetch(query("find_client_sessions"), _FoundSession, parameters):
            spans[Sender(row.stream_id, row.client_id)].append(SessionSpan(row.session, row.begins_ts, row.ends_ts))
        return spans

    def _tell(self, asked: Sequence[_Question], spans: dict[Sender, list[SessionSpan]]) -> None:
        for question in asked:
            if not question.answer.done():
                question.answer.set_result(spans[question.sender])


def _fail(asked: Sequence[_Question], error: PlayheadError) -> None:
    for question in asked:
        if not question.answer.done():
            question.answer.set_exception(error)
