"""The command line."""

import argparse
import itertools
import json
from pathlib import Path

import pytest

from playhead.simulate.client import parse_target
from playhead.simulate.command import add_arguments, is_loopback, run, stop_after
from playhead.simulate.traffic import Traffic

BASE = ["--seed", "3", "--base-ms", "1795000000000"]


def simulate(*arguments: str | Path) -> int:
    """Run the command with `arguments`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("mode", [["--asap", "--span", "2h"], ["--duration", "30s"], []])
def test_batches_are_written_as_lines(mode: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one batch with the keys of the documentation, and the same options give the same file."""
    files = [tmp_path / "first", tmp_path / "again"]
    for file in files:
        assert simulate(*BASE, *mode, "--viewers", "20", "--protocol", "mixed", "--output", file, "--json") == 0
    lines = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert all(line.keys() == {"at_ms", "path", "headers", "body"} for line in lines)
    assert files[0].read_bytes() == files[1].read_bytes()
    summary = json.loads(capsys.readouterr().out.splitlines()[0])
    assert summary["requests_acknowledged"] == len(lines) > 0


def test_asap_lies_in_the_past(tmp_path: Path) -> None:
    """With --asap every batch belongs before now, the base."""
    file = tmp_path / "batches"
    assert simulate(*BASE, "--viewers", "50", "--asap", "--span", "1h", "--output", file) == 0
    instants = [json.loads(line)["at_ms"] for line in file.read_text().splitlines()]
    assert min(instants) >= 1_795_000_000_000 - 3_600_000
    assert max(instants) <= 1_795_000_000_000


def test_the_truth_is_what_was_sent(tmp_path: Path) -> None:
    """The sessions' distinct events add up to the events of the file, each counted once."""
    file, truth = tmp_path / "batches", tmp_path / "truth"
    simulate(*BASE, "--viewers", "60", "--asap", "--output", file, "--truth", truth)
    meant = [json.loads(line) for line in truth.read_text().splitlines()]
    distinct = set()
    for line in file.read_text().splitlines():
        body = json.loads(json.loads(line)["body"])
        who = body.get("session_id") or body["client_id"]
        distinct |= {(body["stream_id"], who, event["seq"]) for event in body["events"]}
    assert sum(one["events"] for one in meant) == len(distinct)
    assert len(meant) == len({who for _, who, _ in distinct})


def test_the_past_is_cut_off_after_the_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pace of its own, sending ends by the clock: here after three ticks of a second."""
    ticks = itertools.count()
    monkeypatch.setattr("playhead.simulate.command.time.monotonic", lambda: next(ticks))
    endless = Traffic(seed=1, from_ms=0).batches()
    assert len(list(stop_after(endless, 3.0))) == 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8000", True),
        ("http://localhost", True),
        ("http://192.0.2.1", False),
        ("http://localhost.example", False),
    ],
)
def test_what_counts_as_this_machine(url: str, expected: bool) -> None:
    """Loopback addresses and the name localhost do, nothing else."""
    assert is_loopback(parse_target(url)) is expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://192.0.2.1:8000"], "--allow-remote"),
        (["--asap"], "--viewers"),
        (["--output", "batches"], "--duration"),
        (["--events-per-second", "5", "--protocol", "mixed"], "native or cmcd"),
        (["--viewers", "1", "--url", "http://127.0.0.1:1"], "simulate:"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Options that do not go together and targets out of reach end in 2 and one line on stderr."""
    assert simulate(*arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "soon", ""])
def test_numbers_must_be_above_0(value: str) -> None:
    """The parser refuses anything else for a rate or a time."""
    for option in ("--rate", "--span"):
        with pytest.raises(SystemExit):
            simulate(option, value)
