"""Bodies the tests send."""

import gzip
import json
from typing import Any

from tests.unit.ingest.conftest import NOW

SESSION = "0190163d-8694-739b-aea5-966c26f8ad91"


def event(ts: float = NOW, seq: float = 0, kind: str = "play", **fields: Any) -> dict[str, Any]:
    """Return one event."""
    return {"type": kind, "ts": ts, "seq": seq, **fields}


def envelope(*events: Any, **fields: Any) -> dict[str, Any]:
    """Return an envelope with a session; without events, one is in it."""
    whole = {"stream_id": "s", "client_id": "c", "session_id": SESSION, "events": list(events) or [event()]}
    return whole | fields


def compressed(body: object) -> bytes:
    """Return a body as gzip JSON."""
    return gzip.compress(json.dumps(body).encode())
