"""`python -m benchmarks ingest`: measure, print a table, write results/*.json."""

import argparse
import sys

from benchmarks import ingest

parser = argparse.ArgumentParser(
    prog="python -m benchmarks", description="Benchmarks of a real service on this machine."
)
commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
ingest.add_command(commands.add_parser("ingest", help="events acknowledged a second, beside the engine's own rate"))
parsed = parser.parse_args()
sys.exit(parsed.run(parsed))
