"""The CMCD protocol: records become rows."""

import hashlib

from playhead.events import EventRow, EventType
from playhead.ingest.batch import Batch, measure_offset
from playhead.ingest.cmcd import CmcdRequest

MEDIA_TYPES = frozenset({"application/cmcd", "text/cmcd"})


def make_batch(read: CmcdRequest, body: bytes, received_ms: int, *, is_private: bool) -> Batch:
    """Return the batch a CMCD request becomes; of a private one the client is not kept."""
    client_id = "" if is_private else read.client_id or ""
    offset_ms = measure_offset(received_ms, read.sent_at)
    rows = [
        EventRow(
            stream_id=record.stream_id,
            session_id=record.session_id or "",
            client_id=client_id,
            ts=record.ts,
            seq=record.seq,
            type=EventType(record.type).value,
            received_ms=received_ms,
            sent_offset_ms=offset_ms,
            position_ms=record.position_ms,
            bitrate_kbps=record.bitrate_kbps,
            dropped_frames=record.dropped_frames,
            visible=int(record.visible),
            muted=record.muted,
            playback_rate=record.playback_rate,
            error_code=record.error_code,
            is_error_fatal=record.is_error_fatal,
            provider=record.provider,
            player_name=read.player_name,
            content_is_live=record.content_is_live,
        )
        for record in read.records
    ]
    return Batch(
        protocol="cmcd",
        received_ms=received_ms,
        offset_ms=offset_ms,
        rows=rows,
        indexes=list(range(len(rows))),
        refused=[],
        digest=hashlib.blake2b(body, digest_size=16).digest() if is_private else b"",
    )
