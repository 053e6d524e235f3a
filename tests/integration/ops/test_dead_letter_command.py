"""`playhead dead-letter` as its users call it: refused events are listed, and taken once that is mended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.servers.choose import need_server_process
from tests.servers.clickhouse_http import ask
from tests.servers.service_process import SERVICE_SOURCES, ServiceProcess

COMMAND = "import sys; from playhead.cli import main; sys.exit(main(['dead-letter', *sys.argv[1:]]))"
STRICT = {"PLAYHEAD_STRICT_STREAMS": "1"}
STORED = (
    "SELECT stream_id, client_id, seq, toString(type), offset_ms FROM playback_events FINAL "
    "WHERE stream_id = 'later' ORDER BY seq"
)
SENT = ("play", "playing", "quit")
DAY_MS = 86_400_000


@pytest.fixture(scope="module", params=["embedded", "server"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a running service on each engine that takes events of registered streams only."""
    folder = tmp_path_factory.mktemp("service")
    if request.param == "embedded":
        with ServiceProcess(folder, STRICT) as running:
            yield running
        return
    with (
        need_server_process(folder / "clickhouse") as server,
        ServiceProcess(folder, STRICT | {"PLAYHEAD_CLICKHOUSE_URL": server.url()}) as running,
    ):
        yield running


def call(settings: Mapping[str, str], *arguments: str) -> list[str]:
    """Return the lines that `playhead dead-letter ARGUMENTS` prints."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    environment = own | {"PYTHONPATH": str(SERVICE_SOURCES)} | dict(settings)
    command = [sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def post(service: ServiceProcess, stream_id: str, events: list[dict[str, object]]) -> dict[str, object]:
    """Send a batch whose clock is 5 s ahead, and return the answer."""
    body = {"stream_id": stream_id, "client_id": "c", "sent_at": now_ms() + 5000, "events": events}
    answer = httpx.post(f"{service.url}/analytics/events", json=body, trust_env=False)
    assert answer.status_code == 202, answer.text
    told: dict[str, object] = answer.json()
    return told


def register(service: ServiceProcess, stream_id: str) -> None:
    """Make a stream known."""
    headers = {"Authorization": f"Bearer {service.admin_key}"}
    url = f"{service.url}/admin/streams/{stream_id}"
    httpx.put(url, json={"title": "Later"}, headers=headers, trust_env=False).raise_for_status()


def now_ms() -> int:
    """Return ms since the epoch."""
    return time.time_ns() // 1_000_000


def wait_for_letters(service: ServiceProcess, letters: int) -> None:
    """Wait until so many letters are kept: they are written behind the answer."""
    deadline = time.monotonic() + 10
    kept = -1
    while kept != letters:
        assert time.monotonic() < deadline, f"{kept} letters, not {letters}"
        kept = service.admin("/admin/ingest").json()["dead_letters"]["kept"]
        time.sleep(0.05)


def ask_database(service: ServiceProcess, sql: str) -> list[str]:
    """Return the rows of an answer."""
    url = service.settings.get("PLAYHEAD_CLICKHOUSE_URL") or service.sql_url
    return ask(url, sql).splitlines()


def test_letters_are_listed_and_taken_once_mended(service: ServiceProcess) -> None:
    """A stream that is registered later gets the events it missed, each once, with the clock and client they had."""
    at = now_ms()
    post(
        service,
        "later",
        [{"type": name, "ts": at - 9000 + seq, "seq": seq} for seq, name in enumerate(SENT)],
    )
    register(service, "known")
    odd: list[dict[str, object]] = [
        {"type": "rewind", "ts": at, "seq": 0},
        {"type": "play", "ts": at - 30 * DAY_MS, "seq": 1},
        {"type": "play", "ts": at, "seq": -1},
    ]
    assert post(service, "known", odd)["accepted"] == 0
    wait_for_letters(service, 6)

    lines = call(service.settings, "list")
    assert sorted(line.split("\t")[2] for line in lines) == sorted(
        ["unknown_stream"] * 3 + ["unknown_type", "too_old", "invalid_event"]
    )
    assert len(call(service.settings, "list", "--stream", "later", "--limit", "2")) == 2
    assert call(service.settings, "list", "--reason", "no_such_reason") == []

    again = call(service.settings, "replay", "--stream", "later")
    assert again == ["3 letters: 0 events taken", "3 refused again: unknown_stream"]
    register(service, "later")
    for _ in range(2):
        assert call(service.settings, "replay", "--reason", "unknown_stream") == ["3 letters: 3 events taken"]
        rows = [row.split("\t") for row in ask_database(service, STORED)]
        assert [row[:4] for row in rows] == [["later", "c", str(seq), name] for seq, name in enumerate(SENT)]
        assert all(-5000 <= int(row[4]) < 0 for row in rows)

    assert call(service.settings, "replay", "--stream", "known") == [
        "3 letters: 0 events taken",
        "1 refused again: invalid_event",
        "1 refused again: too_old",
        "1 refused again: unknown_type",
    ]
    patient = {**service.settings, "PLAYHEAD_MAX_EVENT_AGE_DAYS": "45"}
    assert call(patient, "replay", "--reason", "too_old") == ["1 letters: 1 events taken"]
    assert call(service.settings, "replay", "--limit", "2")[-1] == "there are more: raise --limit"
    wait_for_letters(service, 6)
