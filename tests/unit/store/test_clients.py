"""Handles and the threads that use them."""

import asyncio
import threading
from typing import cast

import pytest
from clickhouse_connect.driver.client import Client

from playhead.errors import StoreUnavailableError
from playhead.store.clients import ClientPool

pytestmark = pytest.mark.anyio


class HangingClient:
    """A handle whose statement goes on until `answers` is set."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.is_asked = threading.Event()
        self.is_closed = False

    def ask(self, _: Client) -> str:
        """Run the statement."""
        self.is_asked.set()
        self.answers.wait()
        return "answer"

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


async def test_closing_does_not_wait_longer_than_it_may() -> None:
    """A database that does not answer does not keep the service from ending."""
    client = HangingClient()
    pool = ClientPool("test", 1, lambda: cast(Client, client))
    asked = [asyncio.create_task(pool.run(client.ask)) for _ in range(2)]
    await asyncio.to_thread(client.is_asked.wait)
    assert not await asyncio.to_thread(pool.close, 0.0)
    with pytest.raises(StoreUnavailableError):
        await pool.run(client.ask)
    client.answers.set()
    assert await asyncio.to_thread(pool.close)
    assert await asyncio.gather(*asked) == ["answer", "answer"]
    assert client.is_closed


async def test_a_call_given_up_is_still_waited_for() -> None:
    """Its statement goes on, and its handle is in use."""
    client = HangingClient()
    pool = ClientPool("test", 1, lambda: cast(Client, client))
    asked = asyncio.create_task(pool.run(client.ask))
    await asyncio.to_thread(client.is_asked.wait)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not await asyncio.to_thread(pool.close, 0.0)
    assert not client.is_closed
    client.answers.set()
    assert await asyncio.to_thread(pool.close)
