"""The dbt project as files: it says what the service's SQL says, and nothing in it hides dbt itself."""

from pathlib import Path
from typing import Any

import jinja2
import pytest

from playhead.rollup.dbt import project_folder
from playhead.store.sql_files import sql_folder, statement
from tests.dbt_macros import MACROS, macros
from tests.marts import MARTS, mart_select


def test_the_macros_are_the_services_own_sql() -> None:
    """What `make dbt-macros` would write is what is there."""
    assert MACROS.read_text(encoding="utf-8") == macros(), "run `make dbt-macros`"


def test_the_fold_with_its_tables_named_is_the_view() -> None:
    """Given the tables and parameters that the view has, the macro is the view, comments apart."""
    newest = max(sql_folder("migrations").glob("*_view_session_fold.sql"))
    view = statement(newest.read_text(encoding="utf-8")).partition("AS\n")[2]
    arguments = {
        "playback_events": "playback_events FINAL",
        "refold_scope": "refold_scope",
        "arrivals": "arrivals",
        "sessions": "sessions",
        "batch_id": "B",
        "max_events": "{max_events:UInt64}",
        "arrived_after": "{arrived_after:Int64}",
        "arrived_until": "{arrived_until:Int64}",
        "slice": "{slice:UInt64}",
        "slices": "{slices:UInt64}",
    }
    environment = jinja2.Environment(autoescape=False)  # noqa: S701  # It is SQL.
    module: Any = environment.from_string(macros()).module
    folded = module.session_fold(**arguments)
    assert _words(folded) == _words(view.replace("{batch_id:UUID}", "'B'"))


def _words(sql: str) -> list[str]:
    return [word for line in sql.splitlines() for word in line.partition("--")[0].split()]


@pytest.mark.parametrize("mart", MARTS)
def test_every_mart_is_a_select_over_whole_days(mart: str) -> None:
    """A model renders to SQL without anything left to fill in."""
    select = mart_select(mart)
    assert "{" not in select
    assert select.strip().endswith((")", "day"))


def test_the_project_is_no_python_package() -> None:
    """A folder named dbt with an __init__.py would be imported in place of dbt."""
    assert not list(Path(project_folder()).rglob("__init__.py"))
