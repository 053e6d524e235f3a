"""Texts that end in the middle of an emoji."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.ingest.surrogates import replace_lone_surrogates
from tests.unit.ingest.bodies import envelope, event
from tests.unit.ingest.conftest import NOW, Service

texts = st.text(st.characters(codec=None, categories=None) | st.sampled_from('\ud83d\ude00\\"u\ud83d\udc00d8'))


@given(texts)
def test_only_halves_of_characters_are_replaced(text: str) -> None:
    """Whatever stands around them: all that UTF-16 can say stays."""
    mended = json.loads(replace_lone_surrogates(json.dumps(text).encode()))
    assert mended == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        (r"\ud83d", r"\ufffd"),
        (r"\uDE00", r"\ufffd"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
        (r"\ude00\ud83d", r"\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
        (r"\\ud83d", r"\\ud83d"),
        (r"\\\ud83d", r"\\\ufffd"),
        (r"\\ud83d\ude00", r"\\ud83d\ufffd"),
        (r"\ud83", r"\ud83"),
    ],
)
def test_escapes(written: str, mended: str) -> None:
    """A backslash that is escaped begins none."""
    assert replace_lone_surrogates(written.encode()) == mended.encode()


def send_as_pages_do(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request: json.dumps writes halves as browsers do."""
    return {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        envelope(event(), event(seq=1, kind="error", error={"code": "E", "message": "boom \ud83d", "fatal": False})),
        envelope(event(), event(seq=1), content={"title": "\ude00 title"}),
        envelope(event(), event(seq=1), player={"name": "n\ud83d"}),
        envelope(event(), event(seq=1), page_url="https://example.org/\ud83d"),
        envelope(event(), event(seq=1, x="\ud83d")),
        envelope(event(), event(seq=1), x={"\ud83d": "\udc00\ud83d"}),
    ],
    ids=["message", "title", "player", "page", "unknown field of an event", "unknown field"],
)
async def test_half_a_character_loses_nothing(service: Service, body: dict[str, Any]) -> None:
    """Wherever it is: JSON.stringify writes what a page cut in the middle of an emoji."""
    reply = await service.post(**send_as_pages_do(body))

    assert (reply.status_code, reply.json()["accepted"]) == (202, 2)
    assert [row.seq for row in service.store.rows] == [0, 1]


@pytest.mark.anyio
async def test_the_rest_of_the_text_is_kept(service: Service) -> None:
    """And what else is wrong with the batch is told as ever."""
    detail = {"code": "E", "message": "boom \ud83d", "fatal": False}
    body = envelope(event(kind="error", error=detail), event(seq=1, kind="x\ud83d"), event(ts="no", seq=2))  # type: ignore[arg-type]  # It is wrong.

    reply = await service.post(**send_as_pages_do(body))

    assert service.store.rows[0].error_message == "boom \ufffd"
    assert [(one["index"], one["code"]) for one in reply.json()["rejected"]] == [
        (1, "unknown_type"),
        (2, "invalid_event"),
    ]
    assert service.store.rows[0].ts == NOW
