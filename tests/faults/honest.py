"""A sender that does no harm: batches at an even pace, and how long each took to be acknowledged."""

import asyncio
import json
import time
from uuid import uuid4

from playhead.simulate.client import Connection

CONNECTIONS = 256
"""So many that a batch does not wait for the answer to another."""
EVENTS = 25


class HonestSender:
    """Sends `per_s` batches of 25 events a second for `lasts_s`; `ack_ms` has a time each, waiting for its turn too."""

    def __init__(self, port: int, *, per_s: float, lasts_s: float) -> None:
        self.ack_ms: list[float] = []
        self.failed = 0
        self._port = port
        self._per_s = per_s
        self._batches = int(per_s * lasts_s)

    async def run(self) -> None:
        """Send all batches."""
        began = time.monotonic()
        await asyncio.gather(*(self._send(number, began) for number in range(CONNECTIONS)))

    async def _send(self, first: int, began: float) -> None:
        connection = Connection()
        for number in range(first, self._batches, CONNECTIONS):
            due = began + number / self._per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                if not connection.is_open:
                    loop = asyncio.get_running_loop()
                    _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
                answer = await connection.exchange(self._request())
            except OSError:
                self.failed += 1
                connection.close()
                continue
            self.failed += answer.status != 202
            self.ack_ms.append((time.monotonic() - due) * 1000)
        connection.close()

    def quantile_ms(self, share: float) -> float:
        """Return a quantile of the times."""
        return sorted(self.ack_ms)[int(share * (len(self.ack_ms) - 1))] if self.ack_ms else float("inf")

    def _request(self) -> bytes:
        now_ms = time.time_ns() // 1_000_000
        types = ["play", "playing", *["heartbeat"] * (EVENTS - 2)]
        events = [{"type": name, "ts": now_ms - 30_000 + 1000 * seq, "seq": seq} for seq, name in enumerate(types)]
        told = {"stream_id": "honest", "client_id": uuid4().hex, "session_id": str(uuid4()), "events": events}
        body = json.dumps(told).encode()
        return (
            f"POST /analytics/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
