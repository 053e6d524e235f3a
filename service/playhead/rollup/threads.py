"""How much of the machine work may take that nobody waits for."""

import os

from playhead.settings import Settings


def background_threads(settings: Settings) -> int:
    """Return how many threads a statement in the background may take: half the machine's, others wait for the rest.

    0, as many as there are, on a server: it has its own ways to share.
    """
    return 0 if settings.clickhouse_url else max((os.cpu_count() or 1) // 2, 1)
