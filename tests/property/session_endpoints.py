"""The calls about single sessions against the oracle: the pages of a stream's, and one with its events and states."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.oracle.answers import UNKNOWN, in_view, state_intervals
from tests.oracle.copies import ordered_sessions
from tests.oracle.fold import Step, fold_steps
from tests.oracle.metrics import ratio
from tests.oracle.sessions import OracleSession
from tests.property.asking import Asking, Differences, record_differences, table_differences
from tests.property.endpoints import AS_CSV, csv_differences
from tests.service import ADMIN_KEY

PAGE = 2
STATES_IN_ROWS = ("starting", "paused", "seeking")
SIZES = ("bitrate_kbps", "width", "height", "player_width", "player_height")


async def compare_sessions(asking: Asking) -> Differences:
    """Page after page, a stream's sessions in view come once each, newest first."""
    seen = in_view(asking.sessions, asking.stream_question)
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None and len(rows) <= len(seen):
        more: dict[str, Any] = {"limit": PAGE, **cursor}
        response = await asking.ask(f"/streams/{asking.stream_id}/sessions", asking.stream_status, **more)
        if asking.stream_status != 200:
            return {}
        page = response.json()
        rows += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    found = table_differences(rows, "session_id", {one.session_id: session_row(asking, one) for one in seen})
    if asking.asked.is_csv_read:
        told = await asking.ask(f"/streams/{asking.stream_id}/sessions", **AS_CSV)
        found |= csv_differences(told.text, rows, "session_id")
    began = [row["started_at"] for row in rows]
    return found if began == sorted(began, reverse=True) else found | {"order": began}


async def compare_session(asking: Asking) -> Differences:
    """One session of the world, whatever the range: its row, its events in order, and its states; 404 if another's."""
    session = max(asking.sessions, key=lambda one: (one.stream_id == asking.stream_id, one.session_id))
    path = f"/admin/analytics/sessions/{session.session_id}"
    response = await asking.service.ask(path, asking.key, stream_id=session.stream_id)
    is_anothers = asking.world.organizers.get(session.stream_id) != asking.question.organizer_id
    expected = 404 if asking.key != ADMIN_KEY and is_anothers else 200
    if response.status_code != expected:
        return {"status": (response.status_code, expected, response.text[:400])}
    if expected == 404:
        return {}
    steps = fold_steps(ordered_sessions(asking.world.events)[session.stream_id, session.session_id])
    answer = response.json()
    found: Differences = {
        "session": record_differences(answer["session"], session_row(asking, session)),
        "timeline": timeline_differences(answer["timeline"], steps, session.skew_ms),
        "states": state_differences(answer["states"], steps, session.skew_ms),
    }
    return {part: wrong for part, wrong in found.items() if wrong}


def session_row(asking: Asking, session: OracleSession) -> dict[str, Any]:
    """Give a session's row by the names of the API."""
    can_report = session.can_report_rebuffering
    rebuffering_ms = session.time_ms_by_state.get("rebuffering", 0)
    row = {
        "stream_id": session.stream_id,
        "session_id": session.session_id,
        "organizer_id": asking.world.organizers.get(session.stream_id),
        "client_id": session.client_id,
        "started_at": session.started_at,
        "last_at": session.ended_at,
        "skew_ms": session.skew_ms,
        "events": len(session.states),
        "is_bot": session.is_bot,
        "is_attempt": session.is_attempt,
        "is_play": session.is_play,
        "has_failure": session.is_failure,
        "has_business_error": session.is_business_error,
        "playing_time_s": session.playing_ms / 1000,
        "playing_hidden_time_s": session.playing_hidden_ms / 1000,
        "rebuffering_time_s": rebuffering_ms / 1000 if can_report else None,
        "startup_ms": session.startup_ms,
        "rebuffer_count": session.rebuffer_count if can_report else None,
        "rebuffer_time_s": session.rebuffer_ms / 1000 if can_report else None,
        "avg_bitrate_kbps": ratio(session.bitrate_kbps_ms, session.bitrate_known_ms),
        "qoe_score": session.qoe_score,
        "error_codes": list(session.error_codes),
        "device": session.device or UNKNOWN,
    }
    times = {f"{state}_time_s": session.time_ms_by_state.get(state, 0) / 1000 for state in STATES_IN_ROWS}
    named = ("provider", "player_name", "country", "os", "browser")
    return row | times | {name: getattr(session, name) or None for name in named}


def timeline_differences(timeline: Sequence[Mapping[str, Any]], steps: Sequence[Step], skew_ms: int) -> Differences:
    """Compare the events, each of which came once, with the state after it."""
    expected = [_event(step, skew_ms) for step in steps]
    if len(timeline) != len(expected):
        return {"events": (len(timeline), len(expected))}
    pairs = enumerate(zip(timeline, expected, strict=True))
    return {str(at): wrong for at, (event, told) in pairs if (wrong := record_differences(event, told))}


def state_differences(states: Sequence[Mapping[str, Any]], steps: Sequence[Step], skew_ms: int) -> Differences:
    """Compare the stretches of states; however an answer cuts them, they must join to the same."""
    expected = [(one.state, one.from_ms, one.to_ms) for one in state_intervals(steps, skew_ms)]
    joined: list[tuple[str, int, int]] = []
    for one in states:
        if joined and joined[-1][0] == one["state"]:
            joined[-1] = (*joined[-1][:2], one["to"])
        elif one["from"] < one["to"]:
            joined.append((one["state"], one["from"], one["to"]))
    return {} if joined == expected else {"states": (joined, expected)}


def _event(step: Step, skew_ms: int) -> dict[str, Any]:
    event, error = step.event, step.event.error
    return {
        "at": event.ts + skew_ms,
        "ts": event.ts,
        "seq": event.seq,
        "type": event.type,
        "state": step.state,
        "received_at": event.received_ms,
        "visible": event.visible,
        "error": error and {"code": error.code, "message": "", "fatal": error.fatal, "business": error.business},
        **{name: getattr(event, name) or None for name in SIZES},
    }
