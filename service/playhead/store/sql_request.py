"""Reading a request: the statement is the URL's query and the body, an INSERT's data what follows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, parse_options_header

from playhead.store.sql_exchange import Exchange
from playhead.store.sql_spool import InsertData, Spool
from playhead.store.sql_statement import Kind, Statement, find_insert, parse_statement
from playhead.store.sql_wire import BAD_REQUEST_PARAMETER, NOT_IMPLEMENTED, QUERY_IS_TOO_LARGE, SqlError, make_decoder

_INSERT_HEAD_BYTES = 256 * 1024
"""An INSERT's data must begin within this, ClickHouse's own default for max_query_size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may take."""

    max_connections: int
    max_sessions: int
    max_statement_bytes: int
    max_insert_bytes: int
    idle_timeout_s: float
    session_timeout_s: int


async def read_statement(exchange: Exchange, data: InsertData, spool: Spool, limits: Limits) -> Statement:
    """Return the request's statement, with an INSERT's data put into `data`.

    Raises SqlError for a body over its limit or not of its kind, and ClientGoneError where it does not come.
    """
    if exchange.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return parse_statement(await _read_form(exchange, spool, limits))
    query = exchange.params.get("query", "").strip()
    head = bytearray(query.encode() + b"\n" if query else b"")
    pieces = _plain_body(exchange)
    async for piece in pieces:
        head += piece
        is_long = len(head) >= _INSERT_HEAD_BYTES
        if is_long and (statement := find_insert(bytes(head[:_INSERT_HEAD_BYTES]), is_complete=False)):
            data.write(bytes(head[statement.data_at :]))
            await _spool_rest(pieces, data, limits)
            return statement
        if len(head) > limits.max_statement_bytes:
            raise _too_large("Statements are", limits.max_statement_bytes)
    statement = parse_statement(bytes(head))
    if statement.kind is Kind.INSERT:
        data.write(bytes(head[statement.data_at :]))
    return statement


async def _spool_rest(pieces: AsyncIterator[bytes], data: InsertData, limits: Limits) -> None:
    async for piece in pieces:
        data.write(piece)
        if data.size > limits.max_insert_bytes:
            raise _too_large("The data of an INSERT is", limits.max_insert_bytes)


async def _plain_body(exchange: Exchange) -> AsyncIterator[bytes]:
    encoding = exchange.headers.get("content-encoding", "")
    decoder = make_decoder(encoding, in_blocks=exchange.flag("decompress"))
    async for packed in exchange.body():
        for piece in decoder.feed(packed):
            yield piece
    decoder.close()


async def _read_form(exchange: Exchange, spool: Spool, limits: Limits) -> bytes:
    """Return the query of a form, its parameters becoming the request's: how clients send what is long for a URL."""
    with spool.new_buffer() as body:
        async for piece in _plain_body(exchange):
            body.write(piece)
            if body.tell() > limits.max_statement_bytes:
                raise _too_large("Forms are", limits.max_statement_bytes)
        body.seek(0)
        boundary = parse_options_header(exchange.headers["content-type"])[1].get("boundary", "")
        try:
            parts = list(MultipartParser(body, boundary, memfile_limit=limits.max_statement_bytes))
        except MultipartError as error:
            raise SqlError(BAD_REQUEST_PARAMETER, f"The form is not valid: {error}") from error
        if any(part.filename is not None for part in parts):
            raise SqlError(NOT_IMPLEMENTED, "External tables are not served here: use a temporary table")
        exchange.params.update({part.name: part.value for part in parts})
    return exchange.params.get("query", "").encode()


def _too_large(subject: str, limit: int) -> SqlError:
    return SqlError(QUERY_IS_TOO_LARGE, f"{subject} limited to {limit} bytes here")
