"""Reading CMCD in tests: a record to add keys to, and its event or the reason there is none."""

from collections.abc import Mapping

from playhead.ingest.cmcd import CmcdEvent, CmcdRequest, read_cmcd

SESSION = "0197e2f0-1c2d-7abc-8def-0123456789ab"
TS = 1_783_000_000_000
BASE = f'cid="demo",sid="{SESSION}",ts={TS},v=2'


def read(text: str, query: Mapping[str, str] | None = None) -> CmcdRequest:
    """Read `text` as a body."""
    return read_cmcd(text.encode(), query or {})


def read_event(text: str, query: Mapping[str, str] | None = None) -> CmcdEvent:
    """Read the one record of `text`."""
    request = read(text, query)
    assert request.dropped == []
    (event,) = request.records
    return event


def read_reasons(text: str, query: Mapping[str, str] | None = None) -> list[str]:
    """Read `text`, of which nothing is to be taken, and return why."""
    request = read(text, query)
    assert request.records == []
    return [record.reason for record in request.dropped]
