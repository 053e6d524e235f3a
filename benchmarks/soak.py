"""Many random worlds: every answer of the API against the oracle, as the tests do it, with new seeds and for longer.

Each round is a run of tests/property/test_endpoints.py on one engine, in a process and a database of its own; both
engines run side by side. A round that fails is repeated by the command that is printed.
"""

import argparse
import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from benchmarks.service import ROOT
from tests.property.test_endpoints import WORLDS_AT_ONCE
from tests.stores import ENGINES

PROPERTY = "tests/property/test_endpoints.py"
SEARCH = {"PLAYHEAD_TEST_HYPOTHESIS": "search"}
"""Without it hypothesis would tell the same worlds every time, whatever the seed."""
MAX_SEED = 2**32
ROUND_TIMEOUT_S = 1800
TOLD_LINES = 80
_PASSED = re.compile(r"(\d+) passing")
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


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("--worlds", type=int, default=500, help="worlds on each engine, at least (default: 500)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the first round, the next ones follow it")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only this engine (default: both)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell worlds until there are enough on each engine, and print the rounds; 1 if any answer was wrong."""
    seed = secrets.randbelow(MAX_SEED) if options.seed is None else options.seed
    engines: Sequence[str] = options.engine or ENGINES
    print(f"{'engine':<10}{'seed':>12}{'worlds':>8}{'took':>11}", flush=True)
    with ThreadPoolExecutor(len(engines)) as pool:
        soaked = list(pool.map(lambda engine: list(_soak(engine, options.worlds, seed)), engines))
    for rounds in soaked:
        print(f"{rounds[0].engine}: {sum(one.worlds for one in rounds)} worlds, seeds {seed}..{rounds[-1].seed}")
    wrong = [one for rounds in soaked for one in rounds if one.trouble]
    for one in wrong:
        command = " ".join(f"{name}={value}" for name, value in SEARCH.items()) + " " + shlex.join(_command(one))
        print(f"\n{one.trouble}\nagain: {command}")
    return 1 if wrong else 0


def _soak(engine: str, worlds: int, seed: int) -> Iterator[Round]:
    """Yield rounds, printing each, until `worlds` are told; the first that is wrong or tells none is the last."""
    told = 0
    while told < worlds:
        done = _run_round(Round(engine, seed, worlds=0, elapsed_s=0.0))
        print(done.line, flush=True)
        yield done
        if done.trouble or not done.worlds:
            return
        told += done.worlds
        seed += 1


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
    return [sys.executable, "-m", "pytest", PROPERTY, "-k", asked.engine, seeded, "--hypothesis-show-statistics", "-q"]
