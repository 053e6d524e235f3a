"""What errors of the database mean for who asks."""

import asyncio

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from urllib3.exceptions import ReadTimeoutError

from playhead.errors import StoreDeniedError, StoreError, StoreLostError, StoreRejectedError, StoreUnavailableError
from playhead.store import clients
from playhead.store.clients import ClientPool, ClientStore, Transport
from playhead.store.error_classes import ErrorClass, classify_error, error_class


class Number(msgspec.Struct, frozen=True):
    """One row of one number."""

    n: int


def error_of(code: int) -> DatabaseError:
    """Return the driver's error for a code of ClickHouse."""
    error = DatabaseError(f"Code: {code}.")
    error.code = code
    return error


def too_slow() -> OperationalError:
    """Return the driver's error for an answer that did not come in time."""
    error = OperationalError("Error executing HTTP request")
    error.__cause__ = ReadTimeoutError(None, "", "Read timed out.")  # type: ignore[arg-type]
    return error


@pytest.mark.parametrize(
    ("error", "expected", "kind"),
    [
        (error_of(62), ErrorClass.REJECTED, StoreRejectedError),
        (error_of(27), ErrorClass.REJECTED, StoreRejectedError),
        (error_of(497), ErrorClass.DENIED, StoreDeniedError),
        (error_of(516), ErrorClass.DENIED, StoreDeniedError),
        (error_of(164), ErrorClass.DENIED, StoreDeniedError),
        (error_of(241), ErrorClass.OVERLOADED, StoreUnavailableError),
        (error_of(252), ErrorClass.OVERLOADED, StoreUnavailableError),
        (error_of(159), ErrorClass.OVERLOADED, StoreUnavailableError),
        (error_of(242), ErrorClass.OVERLOADED, StoreUnavailableError),
        (error_of(99_999), ErrorClass.OVERLOADED, StoreUnavailableError),
        (error_of(279), ErrorClass.LOST, StoreLostError),
        (error_of(210), ErrorClass.LOST, StoreLostError),
        (OperationalError("Connection refused"), ErrorClass.LOST, StoreLostError),
        (ConnectionResetError(104, "reset"), ErrorClass.LOST, StoreLostError),
        (too_slow(), ErrorClass.OVERLOADED, StoreUnavailableError),
    ],
)
def test_an_error_says_when_to_come_back(
    error: DatabaseError | OperationalError | OSError, expected: ErrorClass, kind: type[StoreError]
) -> None:
    """By ClickHouse's code, else by how the connection failed; what nobody has heard of may work later."""
    assert (error_class(error), type(classify_error(error))) == (expected, kind)


class FailingClient:
    """Fails as told, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def _answer(self) -> bytes:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return b'{"n":7}\n'

    def raw_query(self, *_: object, **__: object) -> bytes:
        """Answer a question."""
        return self._answer()

    def raw_insert(self, *_: object, **__: object) -> bytes:
        """Take rows."""
        return self._answer()

    def command(self, *_: object, **__: object) -> bytes:
        """Run a statement."""
        return self._answer()

    def close(self) -> None:
        """Nothing is open."""


def store_on(client: FailingClient) -> ClientStore:
    """Return a store with three tries for a read."""

    def connect() -> Client:
        return client  # type: ignore[return-value]

    pools = {name: ClientPool(name, 1, connect) for name in ("inserts", "queries")}
    return ClientStore("test", **pools, transport=Transport(read_attempts=3))


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RETRY_PAUSE_S", 0.0)


def test_a_lost_answer_is_asked_for_again() -> None:
    """As often as is set, and no more."""
    client = FailingClient(error_of(210), OperationalError("reset"))
    assert asyncio.run(store_on(client).fetch("SELECT 7 AS n", Number)) == [Number(7)]
    with pytest.raises(StoreLostError):
        asyncio.run(store_on(FailingClient(*[error_of(210)] * 3)).fetch("SELECT 7 AS n", Number))


@pytest.mark.parametrize("code", [62, 497, 241, 159])
def test_other_errors_are_told_at_once(code: int) -> None:
    """Asking again would change nothing, or make it worse."""
    client = FailingClient(error_of(code))
    with pytest.raises(StoreError):
        asyncio.run(store_on(client).fetch("SELECT 7 AS n", Number))
    assert client.calls == 1


def test_a_write_is_not_repeated() -> None:
    """It may have been done; who sent it knows whether twice does harm."""
    inserting, running = FailingClient(error_of(210)), FailingClient(error_of(210))
    with pytest.raises(StoreLostError):
        asyncio.run(store_on(inserting).insert("t", ["n"], b"[1]\n"))
    with pytest.raises(StoreLostError):
        asyncio.run(store_on(running).execute("OPTIMIZE TABLE t"))
    assert (inserting.calls, running.calls) == (1, 1)
