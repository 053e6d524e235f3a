"""The dictionary of metrics: what each figure is, in one sentence; the API, its description and the docs show it."""

from typing import Annotated, Literal

import msgspec

Unit = Literal["count", "s", "ms", "ratio", "kbps", "score", "instant"]
Better = Literal["higher", "lower"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: what it is called, what it is, and which way is good."""

    name: Annotated[str, msgspec.Meta(description="The field's name in every answer.")]
    title: Annotated[str, msgspec.Meta(description="What to call it in a heading.")]
    unit: Annotated[
        Unit,
        msgspec.Meta(
            description="ratio: 0 to 1; kbps: 1000 bits a second; score: 0 to 100; instant: ms since the epoch, UTC."
        ),
    ]
    definition: str
    version: Annotated[int, msgspec.Meta(description="Rises when the definition changes.")] = 1
    better: Annotated[Better | None, msgspec.Meta(description="Which way is good; null: neither.")] = None


class DictionaryAnswer(msgspec.Struct, frozen=True):
    """Every metric, in the order of the answers' fields."""

    items: list[Metric]


METRICS: tuple[Metric, ...] = (
    Metric(
        name="sessions",
        title="Sessions",
        unit="count",
        definition="Sessions that began in the range.",
        better="higher",
    ),
    Metric(
        name="attempts",
        title="Attempts",
        unit="count",
        definition="Sessions that reached starting, playing or failed, less accidental ones: no first frame, no fatal "
        "error, and less than 1000 ms from the first event to the last.",
        better="higher",
    ),
    Metric(name="plays", title="Plays", unit="count", definition="Attempts with a first frame.", better="higher"),
    Metric(
        name="viewers",
        title="Viewers",
        unit="count",
        definition="Different clients over the attempts, told apart by organizer; exact at any number.",
        better="higher",
    ),
    Metric(
        name="playing_time_s",
        title="Watch time",
        unit="s",
        definition="Time in state playing.",
        better="higher",
    ),
    Metric(
        name="playing_hidden_time_s",
        title="Hidden watch time",
        unit="s",
        definition="The part of the playing time in which the player was not visible.",
    ),
    Metric(
        name="avg_playing_time_s",
        title="Watch time per play",
        unit="s",
        definition="Playing time / plays.",
        better="higher",
    ),
    Metric(
        name="startup_ms_p50",
        title="Startup, median",
        unit="ms",
        definition="Median over plays of the time from the first play to the first playing, where a play came before; "
        "left out are plays with a gap between the two or with an event in that stretch that was not visible. The "
        "value at index floor(0.5 (n - 1)) of the sorted ones, within 1 % or 1 ms.",
        better="lower",
    ),
    Metric(
        name="startup_ms_p95",
        title="Startup, 95th percentile",
        unit="ms",
        definition="95th percentile over plays of the time that the median startup is of: the value at index "
        "floor(0.95 (n - 1)), within 1 % or 1 ms.",
        better="lower",
    ),
    Metric(
        name="rebuffer_count",
        title="Rebuffers",
        unit="count",
        definition="Rebuffering episodes of at least 250 ms, runs of neighbouring events in state rebuffering, "
        "over the plays that can report them.",
        better="lower",
    ),
    Metric(
        name="rebuffer_time_s",
        title="Rebuffering time",
        unit="s",
        definition="Time in rebuffering episodes of at least 250 ms, over the plays that can report them.",
        better="lower",
    ),
    Metric(
        name="rebuffer_ratio",
        title="Rebuffering ratio",
        unit="ratio",
        definition="Rebuffering time / (playing time + rebuffering time), over the plays that can report it.",
        better="lower",
    ),
    Metric(
        name="failure_rate",
        title="Failure rate",
        unit="ratio",
        definition="Attempts with a fatal error that is not business / attempts.",
        better="lower",
    ),
    Metric(
        name="business_error_rate",
        title="Business error rate",
        unit="ratio",
        definition="Attempts with a fatal business error / attempts.",
        better="lower",
    ),
    Metric(
        name="error_rate",
        title="Error rate",
        unit="ratio",
        definition="Attempts with any error, fatal or not / attempts.",
        better="lower",
    ),
    Metric(
        name="ebvs_rate",
        title="Exits before video start",
        unit="ratio",
        definition="Attempts with neither first frame nor fatal error / attempts.",
        better="lower",
    ),
    Metric(
        name="avg_bitrate_kbps",
        title="Bitrate",
        unit="kbps",
        definition="Mean of the known bitrate, weighted by the playing time in which it was known.",
        better="higher",
    ),
    Metric(
        name="peak_concurrent",
        title="Peak viewers",
        unit="count",
        definition="The most sessions active at one instant of the range.",
        better="higher",
    ),
    Metric(
        name="peak_at",
        title="Peak at",
        unit="instant",
        definition="The first instant at which the most sessions were active; null if none was.",
    ),
    Metric(
        name="qoe_score",
        title="Quality of experience",
        unit="score",
        definition="Mean of the attempts' scores: 0 for a failure, none for a business error, 50 for an exit before "
        "video start, else 0.30 startup + 0.45 smoothness + 0.25 quality over the parts that are known.",
        better="higher",
    ),
)

_BY_NAME = {metric.name: metric for metric in METRICS}


def metric_meta(name: str) -> msgspec.Meta:
    """Return what the API's description says of the metric's field."""
    return msgspec.Meta(description=_BY_NAME[name].definition)
