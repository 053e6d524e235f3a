"""Files: batches as ndjson instead of sending them, and the sessions that were meant."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from playhead.simulate.report import MeantSession, Report
from playhead.simulate.wire import Batch, WrittenBatch


class TruthLine(msgspec.Struct, frozen=True):
    """A meant session as a line of a file; `events` were sent at least once, `acknowledged` of them taken."""

    stream_id: str
    session_id: str | None
    named: list[str]
    client_id: str
    protocol: str
    fate: str
    skew_ms: int
    events: int
    acknowledged: int


def write_batches(path: Path, batches: Iterable[Batch], report: Report) -> None:
    """Write each batch as one JSON line {"at_ms", "path", "headers", "body"}; `report` learns of the sessions."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for batch in batches:
            report.note_made(batch)
            report.note_written(batch)
            file.write(encode(WrittenBatch(batch.at_ms, batch.path, batch.headers, batch.body.decode())) + b"\n")


def write_truth(path: Path, sessions: Iterable[MeantSession]) -> None:
    """Write each meant session as one JSON line."""
    with path.open("wb") as file:
        file.writelines(_truth_lines(sessions))


def _truth_lines(sessions: Iterable[MeantSession]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for meant in sessions:
        yield encode(msgspec.convert(meant, TruthLine, from_attributes=True)) + b"\n"
