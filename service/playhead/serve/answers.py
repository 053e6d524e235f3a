"""What the admin API answers. Times are ms since the epoch, UTC; None is a figure that cannot be known."""

from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from playhead.serve.dictionary import metric_meta
from playhead.serve.placements import Placement


def _meta(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric of the dictionary, which describes them; docs/metrics.md has the formulas."""

    sessions: Annotated[int, metric_meta("sessions")] = 0
    attempts: Annotated[int, metric_meta("attempts")] = 0
    plays: Annotated[int, metric_meta("plays")] = 0
    viewers: Annotated[int, metric_meta("viewers")] = 0
    playing_time_s: Annotated[float, metric_meta("playing_time_s")] = 0.0
    playing_hidden_time_s: Annotated[float, metric_meta("playing_hidden_time_s")] = 0.0
    avg_playing_time_s: Annotated[float | None, metric_meta("avg_playing_time_s")] = None
    startup_ms_p50: Annotated[int | None, metric_meta("startup_ms_p50")] = None
    startup_ms_p95: Annotated[int | None, metric_meta("startup_ms_p95")] = None
    rebuffer_count: Annotated[int | None, metric_meta("rebuffer_count")] = None
    rebuffer_time_s: Annotated[float | None, metric_meta("rebuffer_time_s")] = None
    rebuffer_ratio: Annotated[float | None, metric_meta("rebuffer_ratio")] = None
    failure_rate: Annotated[float | None, metric_meta("failure_rate")] = None
    business_error_rate: Annotated[float | None, metric_meta("business_error_rate")] = None
    error_rate: Annotated[float | None, metric_meta("error_rate")] = None
    ebvs_rate: Annotated[float | None, metric_meta("ebvs_rate")] = None
    avg_bitrate_kbps: Annotated[float | None, metric_meta("avg_bitrate_kbps")] = None
    peak_concurrent: Annotated[int, metric_meta("peak_concurrent")] = 0
    peak_at: Annotated[int | None, metric_meta("peak_at")] = None
    qoe_score: Annotated[float | None, metric_meta("qoe_score")] = None


class StreamRow(Metrics, frozen=True, kw_only=True):
    """One stream and its metrics."""

    stream_id: str
    title: Annotated[str | None, _meta("The registry's title; null: not registered.")] = None
    organizer_id: Annotated[str | None, _meta("The registry's organizer; null: not registered.")] = None
    provider: Annotated[str | None, _meta("The registry's first provider, else the first one seen.")] = None
    first_event_at: Annotated[int | None, _meta("First instant of its sessions in view.")] = None
    last_event_at: Annotated[int | None, _meta("Last instant of its sessions in view.")] = None


class CountedStreamRow(StreamRow, frozen=True, kw_only=True):
    """A row of the table, with how many rows there are in all."""

    total: int = 0


class SummedMetrics(Metrics, frozen=True, kw_only=True):
    """Every metric over all streams in view, and how many streams that are."""

    streams: Annotated[int, _meta("Streams with a session that began or was active in the range.")] = 0


class ValueMetrics(Metrics, frozen=True, kw_only=True):
    """One value of a dimension and its metrics."""

    value: Annotated[str, _meta("The value; `unknown` where sessions never told it.")]


class MetricsPoint(Metrics, frozen=True, kw_only=True):
    """One bucket of time and its metrics."""

    t: Annotated[int, _meta("Begin of the bucket; the first one may begin before the range, which cuts it.")]


class PeakPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket of time, its peak, and the first instant of that."""

    t: int
    peak_concurrent: int = 0
    peak_at: int | None = None


def _optional(metrics: type[Metrics]) -> list[tuple[str, Any, Any]]:
    hints = get_type_hints(metrics, include_extras=True)
    return [
        (field.name, hints[field.name] | msgspec.UnsetType, msgspec.UNSET) for field in msgspec.structs.fields(metrics)
    ]


TimeseriesPoint = msgspec.defstruct(
    "TimeseriesPoint",
    [("t", get_type_hints(MetricsPoint, include_extras=True)["t"]), *_optional(Metrics)],
    frozen=True,
    kw_only=True,
    module=__name__,
    namespace={"__doc__": "One bucket of time and those of its metrics that were asked for."},
)


Interval = Literal["minute", "hour", "day"]
Dimension = Literal["country", "device", "os", "browser", "player", "provider", "error_code", "stream_id"]
Begin = Annotated[int, _meta("Begin of the range, included.")]
End = Annotated[int, _meta("End of the range, excluded.")]
Freshness = Annotated[
    float | None, _meta("Age in seconds of the newest data the answer surely includes; null: none yet.")
]


class StreamsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the table of streams."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    total: Annotated[int, _meta("Rows on all pages.")]
    items: list[StreamRow]


class SummaryAnswer(SummedMetrics, frozen=True, kw_only=True):
    """Every metric over all streams in view; `previous`: the same over the period before."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    previous: SummedMetrics


class TimeseriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics over time, gaps filled."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    interval: Interval
    points: list[TimeseriesPoint]  # type: ignore[valid-type]  # Made of the metrics above.


class ConcurrencyPoint(msgspec.Struct, frozen=True):
    """One bucket of time and the exact maximum in it."""

    t: Annotated[int, _meta("Begin of the bucket; the first one may begin before the range, which cuts it.")]
    max: Annotated[int, _meta("Most sessions active at one instant of the bucket.")]


class ConcurrencyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions active at once, over time and at most."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    interval: Interval
    peak_concurrent: Annotated[int, _meta("Most sessions active at one instant of the range.")]
    peak_at: Annotated[int | None, _meta("The first such instant.")]
    points: list[ConcurrencyPoint]


class BreakdownAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics by the values of a dimension, the most played first."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    by: Dimension
    items: list[ValueMetrics]


class StreamContent(msgspec.Struct, frozen=True, kw_only=True):
    """What players said of the content, newest session first."""

    title: str | None = None
    duration_ms: int | None = None
    live: bool | None = None


class RegistryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says of a stream."""

    title: str
    organizer_id: str
    live: bool
    providers: list[Placement]


class RegisteredStream(RegistryEntry, frozen=True, kw_only=True):
    """An entry of the registry."""

    stream_id: str


class RegistryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the registry."""

    total: Annotated[int, _meta("Entries on all pages.")]
    items: list[RegisteredStream]


class StreamAnswer(StreamRow, frozen=True, kw_only=True):
    """One stream: its row, its content as players told it, its registry entry (null: not registered)."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    content: StreamContent
    registry: RegistryEntry | None
