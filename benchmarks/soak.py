"""Many random worlds: every answer of the API against the oracle, as the tests do it, with new seeds and for longer.

Each round is a run of the property tests of endpoints, sessions and timelines on one engine, in a process of its own;
both engines run side by side. The worlds that are counted are those of tests/property/test_endpoints.py. A round that
fails is repeated by the command that is printed. The rounds are written to results/soak.json as they end; `--resume`
goes on after those that are there.
"""

import argparse
import itertools
import os
import re
import secrets
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from benchmarks.machine import Machine, describe_machine
from benchmarks.service import ROOT
from tests.property.test_endpoints import WORLDS_AT_ONCE
from tests.stores import ENGINES

RESULTS = ROOT / "benchmarks" / "results" / "soak.json"
PROPERTIES = tuple(
    f"tests/property/test_{name}.py" for name in ("endpoints", "sessions_and_metrics", "session_timeline")
)
SEARCH = {"PLAYHEAD_TEST_HYPOTHESIS": "search"}
"""Without it hypothesis would tell the same worlds every time, whatever the seed."""
MAX_SEED = 2**32
ROUND_TIMEOUT_S = 1800
TOLD_LINES = 80
_PASSED = re.compile(r"test_endpoints\.py::[^\n]*:\n.*?(\d+) passing", re.DOTALL)
_SKIPPED = re.compile(r"\d+ skipped: needs .*")


class Round(msgspec.Struct, frozen=True):
    """A run on one engine: how many worlds were told in it, and if an answer was wrong, what pytest said of it."""

    engine: str
    seed: int
    worlds: int
    elapsed_s: float
    trouble: str = ""
    skipped: str = ""

    @property
    def line(self) -> str:
        """One line that says how it went."""
        outcome = "WRONG" if self.trouble else self.skipped or "right"
        return f"{self.engine:<10}{self.seed:>12}{self.worlds:>8}{self.elapsed_s:>9.0f} s   {outcome}"


class Result(msgspec.Struct, frozen=True):
    """What results/soak.json holds: the machine as the last run found it, and the rounds in the order they ended."""

    machine: Machine
    rounds: list[Round]


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("--worlds", type=int, default=500, help="worlds on each engine, at least (default: 500)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the first round, the next ones follow it")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only this engine (default: both)")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at once on each engine (default: 1)")
    parser.add_argument("--minutes", type=float, default=None, help="begin no round after so many (default: go on)")
    parser.add_argument("--resume", action="store_true", help="count the rounds of results/soak.json, and go on after")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell worlds until there are enough on each engine, and print the rounds; 1 if any answer was wrong."""
    engines: Sequence[str] = options.engine or ENGINES
    earlier = _read_rounds() if options.resume else []
    log = _Log(earlier)
    seed = secrets.randbelow(MAX_SEED) if options.seed is None else options.seed
    end_s = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    print(f"{'engine':<10}{'seed':>12}{'worlds':>8}{'took':>11}", flush=True)

    seeds = {
        engine: itertools.count(max((one.seed + 1 for one in earlier if one.engine == engine), default=seed))
        for engine in engines
    }

    def soak(engine: str) -> None:
        while log.is_wanting(engine, options.worlds) and (end_s is None or time.monotonic() < end_s):
            log.add(_run_round(Round(engine, next(seeds[engine]), worlds=0, elapsed_s=0.0)))

    with ThreadPoolExecutor(len(engines) * options.jobs) as pool:
        list(pool.map(soak, [*engines] * options.jobs))
    return _tell_outcome(engines, log.rounds)


def _tell_outcome(engines: Sequence[str], rounds: Sequence[Round]) -> int:
    for engine in engines:
        of_engine = [one for one in rounds if one.engine == engine]
        seeds = ", ".join(str(one.seed) for one in of_engine)
        print(f"{engine}: {sum(one.worlds for one in of_engine)} worlds, seeds {seeds}")
    wrong = [one for one in rounds if one.trouble]
    for one in wrong:
        command = " ".join(f"{name}={value}" for name, value in SEARCH.items()) + " " + shlex.join(_command(one))
        print(f"\n{one.trouble}\nagain: {command}")
    return int(bool(wrong))


class _Log:
    """The rounds so far, written down and printed as each ends."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self.rounds = list(rounds)
        self._machine = describe_machine()
        self._guard = threading.Lock()

    def is_wanting(self, engine: str, worlds: int) -> bool:
        """Tell whether rounds are missing on an engine; one that was wrong, or told no world, is the last."""
        rounds = [one for one in self.rounds if one.engine == engine]
        return sum(one.worlds for one in rounds) < worlds and all(one.worlds and not one.trouble for one in rounds)

    def add(self, done: Round) -> None:
        """Add a round."""
        with self._guard:
            self.rounds.append(done)
            print(done.line, flush=True)
            RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(Result(self._machine, self.rounds))) + b"\n")


def _read_rounds() -> list[Round]:
    return msgspec.json.decode(RESULTS.read_bytes(), type=Result).rounds if RESULTS.is_file() else []


def _run_round(asked: Round) -> Round:
    began = time.monotonic()
    ended = subprocess.run(
        _command(asked),
        cwd=ROOT,
        env=os.environ | SEARCH,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=ROUND_TIMEOUT_S,
    )
    skipped = _SKIPPED.search(ended.stdout)
    return msgspec.structs.replace(
        asked,
        worlds=WORLDS_AT_ONCE * sum(map(int, _PASSED.findall(ended.stdout))),
        elapsed_s=time.monotonic() - began,
        trouble=_trouble(ended.stdout) if ended.returncode else "",
        skipped=skipped[0] if skipped else "",
    )


def _trouble(output: str) -> str:
    """Return what pytest says of an assertion, or the end of its output where it was something else."""
    lines = output.splitlines()
    told = [line for line in lines if line.startswith("E ")]
    return "\n".join(told[:TOLD_LINES] or lines[-TOLD_LINES:])


def _command(asked: Round) -> list[str]:
    seeded = f"--hypothesis-seed={asked.seed}"
    return [
        sys.executable,
        "-m",
        "pytest",
        *PROPERTIES,
        "-k",
        asked.engine,
        seeded,
        "--hypothesis-show-statistics",
        "-q",
    ]
