"""What is found after a fault: events that are missing, twice or nobody's, and figures that are not the oracle's."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.faults.delivery import Delivery
from tests.faults.stacks import Stack
from tests.faults.worlds import EventKey, World, as_stored, key_of, type_of
from tests.oracle.metrics import Question, metrics_by_stream
from tests.oracle.model import OracleEvent
from tests.oracle.sessions import fold_sessions
from tests.stored_sessions import metric_differences

FIGURES_WITHIN_S = 60.0
"""They are promised within ten; a machine under load by others may take longer to answer at all."""
DAY_MS = 86_400_000
CLOCK_SLACK_MS = 50


@dataclass
class Verdict:
    """Counts of events; all but the first two must be 0, and nothing may be wrong."""

    acknowledged: int
    stored: int
    lost: int
    """Acknowledged, and not there."""
    strange: int
    """There, and never sent."""
    doubled: int
    """There more than once, in one session or in two."""
    wrong: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether all is as promised."""
        return not (self.lost or self.strange or self.doubled or self.wrong)


def read_stored(stack: Stack, world: World) -> list[tuple[EventKey, str, int | None, int]]:
    """Return the world's events as they are stored, copies removed: key, session, offset and receipt."""
    answer = stack.ask(
        "SELECT stream_id, client_id, ts, seq, toInt8(type), toString(session_id), offset_ms, "
        "toUnixTimestamp64Milli(received_at) FROM playback_events FINAL "
        f"WHERE startsWith(stream_id, '{world.name}-') FORMAT JSONCompactEachRow "
        "SETTINGS output_format_json_quote_64bit_integers = 0"
    )
    rows = map(json.loads, answer.splitlines())
    return [(EventKey(row[0], row[1], row[2], row[3], type_of(row[4])), row[5], row[6], row[7]) for row in rows]


async def judge_events(stack: Stack, delivery: Delivery) -> tuple[Verdict, list[OracleEvent]]:
    """Compare what is stored with what was sent and acknowledged; return it too, as the oracle takes it."""
    world = delivery.world
    acknowledged = delivery.acknowledged_events
    rows = await asyncio.to_thread(read_stored, stack, world)
    stored = Counter(key for key, *_ in rows)
    verdict = Verdict(
        acknowledged=len(acknowledged),
        stored=len(stored),
        lost=len(acknowledged - stored.keys()),
        strange=len(stored.keys() - delivery.tried_events),
        doubled=sum(count - 1 for count in stored.values()),
        wrong=list(delivery.wrong),
    )
    events = []
    for key, session_id, offset_ms, received_ms in rows:
        sent = world.events.get(key)
        if sent is None:
            continue
        if sent.session_id not in {"", session_id}:
            verdict.wrong.append(f"{key} is in session {session_id}, not {sent.session_id}")
        events.append(as_stored(sent, session_id=session_id, offset_ms=offset_ms, received_ms=received_ms))
    return verdict, events


def find_early_receipts(delivery: Delivery, events: Iterable[OracleEvent]) -> list[str]:
    """Return what was received before it was sent: the stamp must be that of the receipt, whatever came between."""
    first_ms: dict[EventKey, float] = {}
    for number, began_s in delivery.first_tried_at.items():
        for key in delivery.world.batches[number].events:
            first_ms[key] = min(began_s * 1000, first_ms.get(key, began_s * 1000))
    return [
        f"{event.stream_id} {event.seq}: received {event.received_ms}"
        for event in events
        if event.received_ms < first_ms[key_of(event)] - CLOCK_SLACK_MS
    ]


async def judge_figures(stack: Stack, world: World, events: Iterable[OracleEvent]) -> list[str]:
    """Return the metrics by stream that are still not the oracle's when they should be."""
    seen = list(events)
    question = _question(seen)
    expected = metrics_by_stream(fold_sessions(seen), question)
    wrong: Any = "the API did not answer"
    try:
        async with asyncio.timeout(FIGURES_WITHIN_S):
            while wrong:
                answers = await asyncio.gather(
                    *(_ask(stack, number, world, question) for number in range(len(stack.services)))
                )
                wrong = [problem for answer in answers for problem in _differences(answer, expected)]
                await asyncio.sleep(0.2 * bool(wrong))
    except TimeoutError:
        return [str(wrong)]
    return []  # fmt: skip


def _question(events: Iterable[OracleEvent]) -> Question:
    instants = [event.ts + (event.offset_ms or 0) for event in events]
    return Question(
        from_ms=min(instants) // DAY_MS * DAY_MS - DAY_MS, to_ms=(max(instants) // DAY_MS + 2) * DAY_MS
    )  # fmt: skip


async def _ask(stack: Stack, service: int, world: World, question: Question) -> dict[str, dict[str, Any]] | str:
    between = {"from": _as_text(question.from_ms), "to": _as_text(question.to_ms)}
    try:
        answer = await asyncio.to_thread(
            stack.services[service].admin, "/admin/analytics/streams", q=f"{world.name}-", limit=1000, **between
        )
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return {row["stream_id"]: row for row in answer.json()["items"]}


def _as_text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _differences(answer: dict[str, dict[str, Any]] | str, expected: Mapping[str, Any]) -> list[str]:
    if isinstance(answer, str):
        return [answer]
    if answer.keys() != expected.keys():
        return [f"streams {sorted(answer)}, not {sorted(expected)}"]
    pairs = {stream: metric_differences(answer[stream], expected[stream]) for stream in expected}
    return [f"{stream}: {difference}" for stream, difference in pairs.items() if difference]
