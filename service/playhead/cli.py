"""The `playhead` command."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from playhead import __version__
from playhead.errors import PlayheadError
from playhead.launch import open_store, serve
from playhead.settings import describe_settings, load_settings
from playhead.simulate import command as simulate_command
from playhead.store import migrate as migrations


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 fine, 1 it failed, 2 it was called wrongly."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except PlayheadError as error:
        print(f"playhead: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="playhead", description="Video-player analytics on ClickHouse.")
    parser.add_argument("--version", action="version", version=f"playhead {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the service").set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the database's schema up to date")
    migrate.add_argument("--plan", action="store_true", help="only say what would be applied")
    migrate.set_defaults(run=lambda parsed: asyncio.run(_migrate(plan_only=parsed.plan)))
    commands.add_parser("settings", help="list every setting").set_defaults(run=_list_settings)
    simulate = commands.add_parser("simulate", help="send the events of simulated viewers")
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(run=simulate_command.run)
    return parser


def _serve(_: argparse.Namespace) -> int:
    serve(load_settings())
    return 0


def _list_settings(_: argparse.Namespace) -> int:
    print(describe_settings(load_settings()))
    return 0


async def _migrate(*, plan_only: bool) -> int:
    store = open_store(load_settings())
    try:
        todo = await (migrations.plan(store) if plan_only else migrations.migrate(store))
    finally:
        await store.close()
    verb = "would apply" if plan_only else "applied"
    for migration in todo:
        print(f"{verb} {migration.number:04} {migration.name}")
    if not todo:
        print("the schema is up to date")
    return 0
