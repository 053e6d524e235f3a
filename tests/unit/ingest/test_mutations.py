"""Whatever is sent, nothing breaks and nothing invalid is stored."""

import asyncio
import random
import re
from collections import Counter
from typing import get_args

import pytest

from playhead.events import EventRow, Provider
from tests.unit.ingest.conftest import NOW, Open, Service
from tests.unit.ingest.mutations import mutate, valid_bodies

pytestmark = pytest.mark.anyio

MUTATIONS = 10_000
AT_ONCE = 100
IDENTIFIER = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAY = 86_400_000
LONGEST = {
    "error_code": 128, "error_message": 1024, "player_name": 64, "player_version": 64, "content_title": 512,
    "page_url": 2048, "timezone": 64,
}  # fmt: skip
LARGEST = {
    "seq": 2**53 - 1, "position_ms": 2**53 - 1, "bitrate_kbps": 2**32 - 1, "width": 2**32 - 1, "height": 2**32 - 1,
    "player_width": 2**32 - 1, "player_height": 2**32 - 1, "dropped_frames": 2**32 - 1,
    "content_duration_ms": 2**53 - 1,
}  # fmt: skip


def faults(row: EventRow) -> list[str]:
    """Return what of a stored row breaks the contract."""
    found = [name for name in ("stream_id", "client_id") if not IDENTIFIER.fullmatch(getattr(row, name))]
    found += [name for name, size in LONGEST.items() if len(getattr(row, name)) > size]
    found += [name for name, most in LARGEST.items() if not 0 <= (getattr(row, name) or 0) <= most]
    instant = row.ts + (row.sent_offset_ms or 0)
    checks = {
        "session_id": UUID.fullmatch(row.session_id),
        "ts": NOW - 7 * DAY <= instant <= NOW + 300_000,
        "sent_offset_ms": abs(row.sent_offset_ms or 0) <= DAY,
        "type": 1 <= row.type <= 13,
        "error": row.type == 11 or not (row.error_code or row.error_message or row.is_error_fatal),
        "provider": row.provider in {"", *get_args(Provider)},
        "page_url": re.fullmatch(r"(https?://[^?#@]+)?", row.page_url, re.DOTALL),
        "playback_rate": abs(row.playback_rate or 0) <= 1000,
        "visible": row.visible in {0, 1, 2},
    }
    return found + [name for name, is_valid in checks.items() if not is_valid]


@pytest.mark.parametrize("seed", range(4))
async def test_mutations_give_no_server_error_and_store_nothing_invalid(open_service: Open, seed: int) -> None:
    """A quarter of 10 000 changes to valid bodies; some are still valid, most are not."""
    chance = random.Random(seed)
    bodies = valid_bodies(chance)

    async def send(service: Service) -> int:
        data, is_gzip = mutate(next(bodies), chance)
        path = "/analytics/events" + "?z=gzip" * is_gzip
        reply = await service.post(path, content=data, headers={"Content-Type": "text/plain"})
        return reply.status_code

    statuses: Counter[int] = Counter()
    async with open_service() as service:
        for _ in range(MUTATIONS // 4 // AT_ONCE):
            statuses.update(await asyncio.gather(*(send(service) for _ in range(AT_ONCE))))
        stored = service.store.rows

    assert statuses.total() == MUTATIONS // 4
    assert set(statuses) == {202, 400}
    assert [(faults(row), row) for row in stored if faults(row)] == []
    assert len(stored) > MUTATIONS // 8
