"""What whole days answer alone is what their sessions say, to the last digit, viewers and streams too."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from playhead.serve import queries
from playhead.serve.cover import answer_by_covers
from playhead.serve.queries import fetch_breakdown, fetch_streams, fetch_summaries
from playhead.serve.questions import Page, View
from playhead.store.clients import ClientStore
from playhead.store.sql_files import name_of
from tests.integration.test_pages import DAY_MS, ORGANIZER, VIEW, streams
from tests.statements import record_statements

__all__ = ["streams"]

pytestmark = pytest.mark.anyio

VALUES = {"country": ("SE", "unknown", "NO"), "device": ("mobile",), "provider": ("dash",)}
LATER = {"from_ms": VIEW.from_ms + 2 * DAY_MS, "to_ms": VIEW.to_ms + DAY_MS}


async def ask_sessions(store: ClientStore, views: Sequence[View], _: Sequence[str], ask: Any) -> Any:
    """Answer as where no mart has been built."""
    return await answer_by_covers(store, views, (), ask)


@pytest.fixture
def asked(streams: ClientStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the statements that are asked from here on."""
    return record_statements(streams, monkeypatch)


def assert_of_days_alone(asked: Sequence[str]) -> None:
    """Check that viewers came from their mart, and that no statement has read a session."""
    assert "viewers_of_days" in map(name_of, asked)
    assert not [name_of(sql) for sql in asked if "FROM sessions" in sql]


@pytest.mark.parametrize("of_range", [{}, LATER], ids=["three days", "with those before"])
@pytest.mark.parametrize("name", ["", "organizer_id", *VALUES])
async def test_a_summary(
    streams: ClientStore,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    of_range: dict[str, int],
) -> None:
    """Of the platform, an organizer, a country, device or provider, with the period before."""
    view = msgspec.structs.replace(VIEW, organizer_id=ORGANIZER if name == "organizer_id" else "", **of_range)
    views = [msgspec.structs.replace(view, **{name: value}) for value in VALUES.get(name, ())] or [view]
    by_days = [await fetch_summaries(streams, each) for each in views]
    assert_of_days_alone(asked)
    monkeypatch.undo()
    monkeypatch.setattr(queries, "answer_by_covers", ask_sessions)
    for each, (_, *found) in zip(views, by_days, strict=True):
        _, *by_sessions = await fetch_summaries(streams, each)
        assert found == by_sessions
    [(_, *periods), *_] = by_days
    assert all(sum(getattr(period, field) for period in periods) > 0 for field in ("viewers", "streams"))


async def test_without_a_build_viewers_are_those_of_sessions(
    streams: ClientStore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a migration that has viewers_daily built again: all else comes from days still."""
    await streams.execute("ALTER TABLE mart_builds DELETE WHERE model = 'viewers_daily' SETTINGS mutations_sync = 1")
    view = msgspec.structs.replace(VIEW, organizer_id="", country="SE")
    _, *by_days = await fetch_summaries(streams, view)
    _, *rows_by_days = await fetch_streams(streams, view, Page())
    assert {"reach", "summary", "streams_page"} <= set(map(name_of, asked))
    assert "viewers_of_days" not in map(name_of, asked)
    monkeypatch.undo()
    monkeypatch.setattr(queries, "answer_by_covers", ask_sessions)
    _, *by_sessions = await fetch_summaries(streams, view)
    _, *rows_by_sessions = await fetch_streams(streams, view, Page())
    assert (by_days, rows_by_days) == (by_sessions, rows_by_sessions)


@pytest.mark.parametrize("by", ["country", "device", "os", "browser", "player", "provider", "error_code", "stream_id"])
async def test_a_breakdown(streams: ClientStore, asked: list[str], monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """By each dimension."""
    view = msgspec.structs.replace(VIEW, organizer_id="")
    _, by_days = await fetch_breakdown(streams, view, by)
    assert_of_days_alone(asked)
    monkeypatch.undo()
    monkeypatch.setattr(queries, "answer_by_covers", ask_sessions)
    _, by_sessions = await fetch_breakdown(streams, view, by)
    assert by_days == by_sessions
    assert by_days or by == "error_code"
