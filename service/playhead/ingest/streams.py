"""Whether a stream may send at all, where only registered streams may (`PLAYHEAD_STRICT_STREAMS`)."""

import time
from collections.abc import Awaitable, Callable

IsKnownStream = Callable[[str], Awaitable[bool]]

REMEMBER_S = 10.0
MAX_REMEMBERED = 10_000


class StreamGate:
    """Asks the registry, and remembers a yes for ten seconds; a no is asked again, so that a new stream can start."""

    def __init__(self, is_known_stream: IsKnownStream, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_known_stream = is_known_stream
        self._clock = clock
        self._known_until: dict[str, float] = {}

    def remembers(self, stream_id: str) -> bool:
        """Tell whether the stream is known to be registered without asking."""
        return self._known_until.get(stream_id, 0.0) > self._clock()

    async def allows(self, stream_id: str) -> bool:
        """Return whether the stream is registered; raises what the registry raises."""
        if self.remembers(stream_id):
            return True
        is_known = await self._is_known_stream(stream_id)
        if is_known:
            if len(self._known_until) >= MAX_REMEMBERED:
                self._known_until.clear()
            self._known_until[stream_id] = self._clock() + REMEMBER_S
        return is_known
