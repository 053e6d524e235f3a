"""What whole days answer alone is what their sessions say, to the last digit, viewers and streams too."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from playhead.serve import queries
from playhead.serve.cover import answer_by_covers
from playhead.serve.queries import fetch_breakdown, fetch_summaries
from playhead.serve.questions import View
from playhead.store.clients import ClientStore
from playhead.store.sql_files import name_of
from tests.integration.test_pages import DAY_MS, ORGANIZER, VIEW, streams

__all__ = ["streams"]

pytestmark = pytest.mark.anyio

VALUES = {"country": ("SE", "unknown", "NO"), "device": ("mobile",), "provider": ("dash",)}
LATER = {"from_ms": VIEW.from_ms + 2 * DAY_MS, "to_ms": VIEW.to_ms + DAY_MS}


async def ask_sessions(store: ClientStore, views: Sequence[View], _: Sequence[str], ask: Any) -> Any:
    """Answer as where no mart has been built."""
    return await answer_by_covers(store, views, (), ask)


@pytest.fixture
def asked(streams: ClientStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the names of the statements that are asked from here on."""
    names: list[str] = []
    fetch = streams.fetch

    async def spy(sql: str, *rest: Any) -> list[Any]:
        names.append(name_of(sql))
        assert "sessions AS" not in sql
        return await fetch(sql, *rest)

    monkeypatch.setattr(streams, "fetch", spy)
    return names


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
    assert {"viewers_of_days"} <= set(asked) <= {"cover", "summary", "viewers_of_days", "streams_of_days"}
    monkeypatch.undo()
    monkeypatch.setattr(queries, "answer_by_covers", ask_sessions)
    for each, (_, *found) in zip(views, by_days, strict=True):
        _, *by_sessions = await fetch_summaries(streams, each)
        assert found == by_sessions
    [(_, *periods), *_] = by_days
    assert all(sum(getattr(period, field) for period in periods) > 0 for field in ("viewers", "streams"))


@pytest.mark.parametrize("by", ["country", "device", "os", "browser", "player", "provider", "error_code", "stream_id"])
async def test_a_breakdown(streams: ClientStore, asked: list[str], monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """By each dimension."""
    view = msgspec.structs.replace(VIEW, organizer_id="")
    _, by_days = await fetch_breakdown(streams, view, by)
    assert "viewers_of_days" in asked
    monkeypatch.undo()
    monkeypatch.setattr(queries, "answer_by_covers", ask_sessions)
    _, by_sessions = await fetch_breakdown(streams, view, by)
    assert by_days == by_sessions
    assert by_days or by == "error_code"
