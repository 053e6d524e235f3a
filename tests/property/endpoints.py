"""Each call about figures against the oracle: one comparison a call, on one question."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.oracle.answers import (
    INTERVAL_MS,
    StreamRow,
    breakdown,
    buckets,
    concurrency,
    previous,
    streams,
    summary,
    timeseries,
)
from tests.oracle.metrics import Question, metrics
from tests.property.asking import PLACED_ON, Asking, Differences, figures, record_differences, table_differences
from tests.property.wide_worlds import METRICS

MAX_POINTS = 11_000
AS_CSV: Mapping[str, Any] = {"format": "csv"}
SECOND_AND_THIRD: Mapping[str, Any] = {"limit": 2, "offset": 1}


async def compare_streams(asking: Asking) -> Differences:
    """The table has each stream in view once, in the order asked for; pages and CSV are of the same rows."""
    asked = asking.asked
    common: dict[str, Any] = {
        "q": asking.world.stream(""),
        "sort": "-" * asked.is_descending + asked.sort,
        "include_empty": str(asked.include_empty).lower(),
    }
    whole, part = await asyncio.gather(
        asking.ask("/streams", limit=1000, **common),
        asking.ask("/streams", **(AS_CSV if asked.is_csv_read else SECOND_AND_THIRD), **common),
    )
    answer, rows = whole.json(), whole.json()["items"]
    empty = [name for name in asking.world.organizers if asked.include_empty and _is_asked(asking, name)]
    seen = streams(asking.sessions, asking.question)
    expected = {name: stream_row(asking, name, seen.get(name)) for name in {*seen, *empty}}
    found = table_differences(map(_with_provider(expected), rows), "stream_id", expected)
    found |= record_differences(answer, _range(asking) | {"total": len(expected)})
    if rows != sorted(rows, key=lambda row: _place(row, asked.sort, is_descending=asked.is_descending)):
        found["order"] = [(row[asked.sort], row["stream_id"]) for row in rows]
    if asked.is_csv_read:
        return found | csv_differences(part.text, rows, "stream_id")
    return found | record_differences(part.json(), {"items": rows[1:3], "total": len(rows)})


async def compare_summary(asking: Asking) -> Differences:
    """Every metric of the union of all sessions in view, and the same of the period before."""
    answer = (await asking.ask("/streams/summary")).json()
    found = record_differences(answer, _range(asking) | _summary(asking, asking.question))
    if wrong := record_differences(answer.get("previous", {}), _summary(asking, previous(asking.question))):
        found["previous"] = wrong
    return found


async def compare_stream(asking: Asking) -> Differences:
    """One stream's row, though it has no session in view; 404 where there is nothing to know of it."""
    response = await asking.ask(f"/streams/{asking.stream_id}", asking.stream_status)
    if asking.stream_status != 200:
        return {}
    row = streams(asking.sessions, asking.question).get(asking.stream_id)
    expected = {asking.stream_id: stream_row(asking, asking.stream_id, row)}
    found = table_differences([_with_provider(expected)(response.json())], "stream_id", expected)
    return found | record_differences(response.json(), _range(asking))


async def compare_timeseries(asking: Asking) -> Differences:
    """Each bucket's metrics, over all streams or of one."""
    interval, names = asking.asked.interval, asking.asked.metrics
    chosen: dict[str, Any] = {"metrics": ",".join(names)} if names else {}
    response, question = await _ask_points(asking, "timeseries", **chosen)
    if response is None:
        return {}
    answer, points = response.json(), response.json()["points"]
    series = timeseries(asking.sessions, question, INTERVAL_MS[interval])
    expected = {t: {name: figures(one)[name] for name in names or METRICS} for t, one in series}
    found = table_differences(points, "t", expected) | _order_differences(points, [t for t, _ in series])
    if any(point.keys() != {"t", *(names or METRICS)} for point in points):
        found["columns"] = (sorted(points[0]), names)
    if asking.asked.is_csv_read and (told := (await _ask_points(asking, "timeseries", **chosen, **AS_CSV))[0]):
        found |= csv_differences(told.text, points, "t")
    return found | record_differences(answer, {"interval": interval})


async def compare_concurrency(asking: Asking) -> Differences:
    """The peak of the range and of each bucket, over all streams or of one."""
    interval = asking.asked.interval
    response, question = await _ask_points(asking, "concurrency")
    if response is None:
        return {}
    answer, points = response.json(), response.json()["points"]
    expected = concurrency(asking.sessions, question, INTERVAL_MS[interval])
    found = table_differences(points, "t", {t: {"max": highest} for t, highest in expected.points})
    found |= _order_differences(points, [t for t, _ in expected.points])
    whole = {"interval": interval, "peak_concurrent": expected.peak_concurrent, "peak_at": expected.peak_at}
    return found | record_differences(answer, whole)


async def compare_breakdown(asking: Asking) -> Differences:
    """The metrics by each value of a dimension, over all streams or of one."""
    question = asking.question
    of_stream: dict[str, Any] = {}
    if "breakdown" in asking.asked.of_stream and asking.stream_status == 200:
        question, of_stream = asking.stream_question, {"stream_id": asking.stream_id}
    chosen = {"by": asking.asked.by, **of_stream}
    answer = (await asking.ask("/breakdown", **chosen)).json()
    groups = breakdown(asking.sessions, question, asking.asked.by)
    found = table_differences(answer["items"], "value", {value: figures(one) for value, one in groups.items()})
    if asking.asked.is_csv_read:
        found |= csv_differences((await asking.ask("/breakdown", **chosen, **AS_CSV)).text, answer["items"], "value")
    return found | record_differences(answer, {"by": asking.asked.by})


def stream_row(asking: Asking, name: str, row: StreamRow | None) -> dict[str, Any]:
    """Give the table's row of stream `name`; None: it has no session in view. `provider` has all that may be told."""
    organizer = asking.world.organizers.get(name)
    label = name.removeprefix(asking.world.stream(""))
    provider = {PLACED_ON[label]} if label in PLACED_ON else (row.first_providers if row else frozenset())
    return {
        "stream_id": name,
        "title": organizer and f"Title of {name}",
        "organizer_id": organizer,
        "provider": sorted(provider),
        "first_event_at": row and row.first_event_at,
        "last_event_at": row and row.last_event_at,
        **figures(row.figures if row else metrics([], asking.question)),
    }


def csv_differences(text: str, rows: Sequence[Mapping[str, Any]], key: str) -> Differences:
    """Compare CSV with the rows of JSON, named by `key`: the same columns and values, nothing for what is not known."""
    told = list(csv.DictReader(io.StringIO(text)))
    if [set(one) for one in told] != [set(row) for row in rows]:
        return {"columns or rows": (told, rows)}
    pairs = ((row[key], name, one[name], row[name]) for one, row in zip(told, rows, strict=True) for name in row)
    return {f"{named} {name}": (cell, value) for named, name, cell, value in pairs if not _is_cell(cell, value)}


async def _ask_points(asking: Asking, call: str, **more: Any) -> tuple[httpx.Response | None, Question]:
    """Return the answer and the question it is to; None where it was refused, as it had to be."""
    is_of_stream = call in asking.asked.of_stream
    question = asking.stream_question if is_of_stream else asking.question
    path, status = (f"/streams/{asking.stream_id}/{call}", asking.stream_status) if is_of_stream else (f"/{call}", 200)
    if len(buckets(question, INTERVAL_MS[asking.asked.interval])) > MAX_POINTS and status == 200:
        status = 400
    response = await asking.ask(path, status, interval=asking.asked.interval, **more)
    return (response if status == 200 else None), question


def _order_differences(points: Sequence[Mapping[str, Any]], expected: Sequence[int]) -> Differences:
    answered = [point["t"] for point in points]
    return {} if answered == expected else {"order of t": (answered[:3], expected[:3])}


def _range(asking: Asking) -> dict[str, int]:
    return {"from": asking.question.from_ms, "to": asking.question.to_ms}


def _summary(asking: Asking, question: Question) -> dict[str, Any]:
    expected = summary(asking.sessions, question)
    return figures(expected.figures) | {"streams": expected.streams}


def _is_asked(asking: Asking, stream_id: str) -> bool:
    return asking.question.organizer_id in {None, asking.world.organizers[stream_id]}


def _with_provider(expected: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return what gives a row the list of all providers that may be told, if it has one of them."""

    def replaced(row: Mapping[str, Any]) -> dict[str, Any]:
        may_be = expected.get(row["stream_id"], {}).get("provider", [])
        return dict(row) | ({"provider": may_be} if row["provider"] in (may_be or [None]) else {})

    return replaced


def _place(row: Mapping[str, Any], field: str, *, is_descending: bool) -> tuple[bool, float, str]:
    value = row[field]
    return value is None, 0 if value is None else (-value if is_descending else value), row["stream_id"]


def _is_cell(cell: str, value: Any) -> bool:
    match value:
        case None | str():
            return bool(cell == (value or ""))
        case bool():
            return cell == str(value).lower()
        case list():
            return cell == " ".join(map(str, value))
        case _:
            return bool(float(cell) == value)
