"""The dictionary of metrics has every metric of the answers, and is the one place they are described."""

from pathlib import Path
from typing import get_args, get_type_hints

from playhead.serve.answers import Metrics
from playhead.serve.dictionary import METRICS, Unit

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
UNITS: dict[str, Unit] = {
    "s": "s", "ms": "ms", "rate": "ratio", "ratio": "ratio", "kbps": "kbps", "at": "instant", "count": "count",
}  # fmt: skip
"""Units by the ends of names."""


def test_every_metric_of_the_answers_is_in_it_and_no_other() -> None:
    """The fields of the answers and the dictionary's names are the same, in the same order."""
    assert [metric.name for metric in METRICS] == list(Metrics.__struct_fields__)


def test_the_answers_are_described_by_it() -> None:
    """What the API's description says of a metric is its definition."""
    hints = get_type_hints(Metrics, include_extras=True)
    told = {name: get_args(hints[name])[1].description for name in Metrics.__struct_fields__}
    assert told == {metric.name: metric.definition for metric in METRICS}


def test_the_documentation_is_made_of_it() -> None:
    """docs/metrics.md has a row for each metric with its unit and definition, and says no more of any."""
    rows = [f"| `{metric.name}` | {metric.unit} | {metric.definition} |" for metric in METRICS]
    told = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [line for line in told if line.startswith(tuple(f"| `{metric.name}` " for metric in METRICS))] == rows


def test_units_are_those_that_the_names_say() -> None:
    """A name that ends in a unit, whatever the quantile, has it."""
    ends = {metric.name: metric.name.partition("_p")[0].rpartition("_")[2] for metric in METRICS}
    assert {metric.name: UNITS.get(ends[metric.name], metric.unit) for metric in METRICS} == {
        metric.name: metric.unit for metric in METRICS
    }


def test_definitions_are_sentences() -> None:
    """Each has a title and ends as a sentence does, and begins at version 1."""
    assert len({metric.title for metric in METRICS}) == len(METRICS)
    assert all(metric.definition.endswith(".") and metric.version >= 1 for metric in METRICS)
