"""Golden traces: reads tests/golden/*.ndjson, whose README.md describes the format.

`load_golden_trace` gives what was received as batches and what must come of it as questions with their
figures, with every instant moved by a base instant T that the runner chooses.
"""

import json
import math
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle.metrics import Question
from tests.oracle.model import OracleBatch, OracleError, OracleEvent, batch_offset_ms

GOLDEN_FOLDER = Path(__file__).parent / "golden"
DAY_MS = 86_400_000
TOLERANCE = 0.000001
DEFAULT_RANGE = (-DAY_MS, 2 * DAY_MS)
SESSION_NAMES = uuid.UUID("6f1e0f4e-7c0a-4b52-9a53-6a1f5f0a4d11")
INSTANTS = frozenset({"peak_at", "started_at", "ended_at"})
ADDED_BY_THE_SERVICE = ("country", "device", "os", "browser")

Figures = Mapping[str, Any]
"""Expected figures by name; instants are absolute, and a name that is absent is not looked at."""


@dataclass(frozen=True)
class GoldenAnswer:
    """A question, and the metrics it must be answered with."""

    question: Question
    metrics: Figures


@dataclass(frozen=True)
class GoldenSession:
    """A session, and values its record must have; `figures` go by the names of OracleSession."""

    stream_id: str
    session_id: str
    figures: Figures


@dataclass(frozen=True)
class GoldenTrace:
    """One file: batches in the order of the file, which need not be the order in which they were received."""

    name: str
    case: str
    organizers: Mapping[str, str]
    batches: tuple[OracleBatch, ...]
    answers: tuple[GoldenAnswer, ...]
    sessions: tuple[GoldenSession, ...]

    @property
    def events(self) -> tuple[OracleEvent, ...]:
        """Every received copy of every event."""
        return tuple(event for batch in self.batches for event in batch.events)


def differences(actual: Mapping[str, Any], expected: Figures) -> dict[str, tuple[Any, Any]]:
    """Give (actual, expected) of each expected figure that `actual` does not have, to within TOLERANCE."""
    return {name: (actual[name], value) for name, value in expected.items() if not _agree(actual[name], value)}


def golden_paths() -> list[Path]:
    """Give every golden trace's file, in order."""
    return sorted(GOLDEN_FOLDER.glob("*.ndjson"))


def load_golden_trace(path: Path, base_ms: int = 0) -> GoldenTrace:
    """Read one file with T = `base_ms`, a midnight UTC; raises ValueError, naming the line it cannot read."""
    reader = _Reader(path.stem, base_ms)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            try:
                reader.take(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise ValueError(f"{path.name}:{number}: {error!r}") from error
    return reader.trace()


def _agree(actual: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(actual, expected, rel_tol=0, abs_tol=TOLERANCE)
    return bool(actual == expected)


@dataclass
class _Reader:
    name: str
    base_ms: int
    case: str = ""
    registry: dict[str, str] = field(default_factory=dict)
    received: list[tuple[dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)
    answers: list[GoldenAnswer] = field(default_factory=list)
    sessions: list[GoldenSession] = field(default_factory=list)
    next_seq: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, line: dict[str, Any]) -> None:
        kinds = {
            "case": self._take_case,
            "received_ms": self._take_request,
            "type": self._take_event,
            "ask": self._take_answer,
            "session": self._take_session,
        }
        kind = next((kind for kind in kinds if kind in line), None)
        if kind is None:
            raise ValueError(f"a line has one of {', '.join(kinds)}")
        kinds[kind](line)

    def trace(self) -> GoldenTrace:
        return GoldenTrace(
            name=self.name,
            case=self.case,
            organizers=self.registry,
            batches=tuple(self._batch(request, events) for request, events in self.received),
            answers=tuple(self.answers),
            sessions=tuple(self.sessions),
        )

    def _take_case(self, line: dict[str, Any]) -> None:
        self.case = line["case"]
        organizers = line.get("registry", {})
        self.registry = {self._stream(stream): self._organizer(name) for stream, name in organizers.items()}

    def _take_request(self, line: dict[str, Any]) -> None:
        self.received.append(({"stream_id": "a", "session_id": "s", "client_id": "c", "device": "desktop"} | line, []))

    def _take_event(self, line: dict[str, Any]) -> None:
        request, events = self.received[-1]
        session = (request["stream_id"], request["session_id"])
        seq = line.get("seq", self.next_seq[session])
        self.next_seq[session] = seq + 1
        events.append(line | {"seq": seq})

    def _take_answer(self, line: dict[str, Any]) -> None:
        asked = dict(line["ask"])
        from_ms, to_ms = asked.pop("range", DEFAULT_RANGE)
        if "stream_id" in asked:
            asked["stream_id"] = self._stream(asked["stream_id"])
        if "organizer_id" in asked:
            asked["organizer_id"] = self._organizer(asked["organizer_id"])
        question = Question(
            from_ms=self.base_ms + from_ms, to_ms=self.base_ms + to_ms, organizers=self.registry, **asked
        )
        self.answers.append(GoldenAnswer(question, self._figures(line["expect"])))

    def _take_session(self, line: dict[str, Any]) -> None:
        stream_id, session_id = self._stream(line.get("stream_id", "a")), self._session(line["session"])
        self.sessions.append(GoldenSession(stream_id, session_id, self._figures(line["expect"])))

    def _batch(self, request: dict[str, Any], events: list[dict[str, Any]]) -> OracleBatch:
        received_ms, sent_at = request["received_ms"], request.get("sent_at")
        every = {
            "stream_id": self._stream(request["stream_id"]),
            "session_id": self._session(request["session_id"]),
            "client_id": request["client_id"],
            "received_ms": self.base_ms + received_ms,
            "offset_ms": batch_offset_ms(received_ms, sent_at),
            "provider": request.get("provider", ""),
            **{name: request.get(name, "") for name in ADDED_BY_THE_SERVICE},
        }
        return OracleBatch(
            self.base_ms + received_ms,
            None if sent_at is None else self.base_ms + sent_at,
            tuple(self._event(event, every) for event in events),
        )

    def _event(self, event: dict[str, Any], every: dict[str, Any]) -> OracleEvent:
        error = OracleError(**event["error"]) if "error" in event else None
        return OracleEvent(**every | event | {"ts": self.base_ms + event["ts"], "error": error})

    def _figures(self, expected: dict[str, Any]) -> Figures:
        return {name: self._figure(name, value) for name, value in expected.items()}

    def _figure(self, name: str, value: Any) -> Any:
        match value:
            case int() if name in INSTANTS:
                return value + self.base_ms
            case list() if name == "active_spans":
                return tuple((start + self.base_ms, end + self.base_ms) for start, end in value)
            case list():
                return tuple(value)
            case str() if "/" in value:
                return float(Fraction(value))
            case _:
                return value

    def _stream(self, label: str) -> str:
        return f"golden-{self._number}-{label}"

    def _organizer(self, label: str) -> str:
        return f"golden-{self._number}-{label}"

    def _session(self, label: str) -> str:
        return str(uuid.uuid5(SESSION_NAMES, f"{self._number}/{label}"))

    @property
    def _number(self) -> str:
        return self.name.split("_")[0]
