"""What the admin API answers. Times are ms since the epoch, UTC; None is a figure that cannot be known."""

from typing import Annotated

import msgspec

from playhead.serve.placements import Placement


def _meta(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric of the dictionary; docs/metrics.md has the formulas."""

    sessions: Annotated[int, _meta("Sessions that began in the range.")] = 0
    attempts: Annotated[int, _meta("Sessions that tried to play, less accidental ones.")] = 0
    plays: Annotated[int, _meta("Attempts with a first frame.")] = 0
    viewers: Annotated[int, _meta("Distinct clients over attempts.")] = 0
    playing_time_s: Annotated[float, _meta("Time in state playing, seconds.")] = 0.0
    playing_hidden_time_s: Annotated[float, _meta("Its part while the player was not visible, seconds.")] = 0.0
    avg_playing_time_s: Annotated[float | None, _meta("playing_time_s / plays.")] = None
    startup_ms_p50: Annotated[int | None, _meta("Median time from play to first frame, ms.")] = None
    startup_ms_p95: Annotated[int | None, _meta("95th percentile of the same, ms.")] = None
    rebuffer_count: Annotated[int | None, _meta("Rebuffering episodes of at least 250 ms.")] = None
    rebuffer_time_s: Annotated[float | None, _meta("Their length, seconds.")] = None
    rebuffer_ratio: Annotated[float | None, _meta("Rebuffering / (playing + rebuffering), 0..1.")] = None
    failure_rate: Annotated[float | None, _meta("Attempts with a fatal error not of business / attempts.")] = None
    business_error_rate: Annotated[float | None, _meta("Attempts with a fatal business error / attempts.")] = None
    error_rate: Annotated[float | None, _meta("Attempts with any error / attempts.")] = None
    ebvs_rate: Annotated[float | None, _meta("Exits before video start / attempts.")] = None
    avg_bitrate_kbps: Annotated[float | None, _meta("Mean over playing time with known bitrate, kbit/s.")] = None
    peak_concurrent: Annotated[int, _meta("Most sessions active at one instant of the range.")] = 0
    peak_at: Annotated[int | None, _meta("The first such instant.")] = None
    qoe_score: Annotated[float | None, _meta("Mean quality-of-experience score, 0..100.")] = None


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
