"""Puts one question to the HTTP API, and says in what an answer is not the oracle's."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx

from tests.oracle.metrics import Metrics, Question
from tests.oracle.sessions import OracleSession
from tests.property.placement import PlacedWorld
from tests.property.strategies import DAY_MS
from tests.property.wide_worlds import Asked
from tests.service import ADMIN_KEY, RunningService
from tests.stored_sessions import agree

ANALYTICS = "/admin/analytics"
PLACED_ON: Mapping[str, str] = {"b": "youtube"}
"""Streams of a world for which the registry has a provider."""
MISSING = "missing"
MOST_TOLD = 5

Differences = dict[str, Any]
"""(answered, expected) by where they differ; empty where the answer is right."""


class WrongStatusError(Exception):
    """The call was answered with another status than was expected of it."""


@dataclass(frozen=True)
class Asking:
    """A question to be put to a service about a world with all of its `sessions`; `key` is whose it is."""

    service: RunningService
    world: PlacedWorld
    sessions: list[OracleSession]
    asked: Asked
    key: str = ADMIN_KEY

    @property
    def question(self) -> Question:
        """The question, of all streams of the world."""
        return self.world.question(self.asked.question)

    @property
    def stream_id(self) -> str:
        """The stream that calls about one stream name."""
        return self.world.stream(self.asked.stream_id)

    @property
    def stream_question(self) -> Question:
        """The question, of that stream alone."""
        return dataclasses.replace(self.question, stream_id=self.stream_id)

    @property
    def stream_status(self) -> int:
        """What a call about that stream is answered with: 404 where nobody knows it, or the filter has another's."""
        organizers, wanted = self.world.organizers, self.question.organizer_id
        is_known = self.stream_id in organizers or any(one.stream_id == self.stream_id for one in self.sessions)
        return 200 if is_known and wanted in {None, organizers.get(self.stream_id)} else 404

    async def ask(self, path: str, status: int = 200, /, **more: Any) -> httpx.Response:
        """Call `path` below /admin/analytics with the question's parameters; raises WrongStatusError."""
        response = await self.service.ask(ANALYTICS + path, self.key, **self._parameters(), **more)
        if response.status_code != status:
            raise WrongStatusError(
                f"{response.request.url}: {response.status_code}, not {status}: {response.text[:400]}"
            )
        return response

    def _parameters(self) -> dict[str, str]:
        question = self.question
        filters = (*(["organizer_id"] if self.key == ADMIN_KEY else []), "provider", "country", "device")
        return {
            "from": instant_text(question.from_ms, self.asked.from_zone),
            "to": instant_text(question.to_ms, self.asked.to_zone),
            "include_bots": str(question.include_bots).lower(),
            **{name: getattr(question, name) for name in filters if getattr(question, name)},
        }


def instant_text(at: int, zone: str) -> str:
    """Write an instant as a date where `zone` is "date" and it is a midnight UTC, else by RFC 3339 with that offset."""
    instant = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    if zone == "date" and at % DAY_MS == 0:
        return f"{instant:%Y-%m-%d}"
    if zone in {"date", "Z"}:
        return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    hours, minutes = int(zone[:3]), int(zone[0] + zone[4:])
    return instant.astimezone(timezone(timedelta(hours=hours, minutes=minutes))).isoformat(timespec="milliseconds")


def figures(expected: Metrics) -> dict[str, Any]:
    """Give every metric by name."""
    return dataclasses.asdict(expected)


def record_differences(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> Differences:
    """Compare each expected figure of one record; the answer may have more."""
    pairs = {name: (answer.get(name, MISSING), value) for name, value in expected.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] == MISSING or not agree(name, *pair)}


def table_differences(
    rows: Iterable[Mapping[str, Any]], key: str, expected: Mapping[Any, Mapping[str, Any]]
) -> Differences:
    """Compare records by their `key`: each that is expected must be there once, and no other."""
    answered = list(rows)
    names = [row[key] for row in answered]
    found: Differences = {"twice": sorted(names)} if len(names) != len(set(names)) else {}
    if set(names) != set(expected):
        found[f"each {key}"] = (sorted(set(names) - set(expected)), sorted(set(expected) - set(names)))
    for row in answered:
        if row[key] in expected and (wrong := record_differences(row, expected[row[key]])):
            found[str(row[key])] = wrong
    return dict(list(found.items())[:MOST_TOLD])
