"""`python -m benchmarks ingest`: measure, print a table, write results/*.json."""

import argparse
import sys

from benchmarks import abuse, aggregation, faults, freshness, ingest, query, soak
from benchmarks.compare import command as compare

parser = argparse.ArgumentParser(
    prog="python -m benchmarks", description="Benchmarks of a real service on this machine."
)
commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
ingest.add_command(commands.add_parser("ingest", help="events acknowledged a second, beside the engine's own rate"))
query.add_command(commands.add_parser("query", help="what answers, a rebuild and a refresh cost at 100 million events"))
aggregation.add_command(
    commands.add_parser("aggregation", help="what building the marts costs those who send 20 000 events a second")
)
freshness.add_command(
    commands.add_parser("freshness", help="how old answers are under 20 000 events/s of 3-hour sessions")
)
compare.add_command(commands.add_parser("compare", help="the design this replaces, in Postgres, on the same events"))
soak.add_command(commands.add_parser("soak", help="random worlds: every answer against the oracle"))
faults.add_command(commands.add_parser("faults", help="kill, cut off, fill up, set back: nothing acknowledged is lost"))
abuse.add_command(commands.add_parser("abuse", help="what senders that mean harm cost those that do not"))
parsed = parser.parse_args()
sys.exit(parsed.run(parsed))
