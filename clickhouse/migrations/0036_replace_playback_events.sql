-- purpose: every event a player sent, once; the only table that ingest writes events to; laid out anew to be smaller
-- grain: one event of one session, identified by (stream_id, session_id, ts, seq, type)
-- reads: playback_events, in either layout: it takes its own place at once and whole, or not at all
-- Sorted by day first, then session, so that refolding touched sessions reads few granules.
-- ts is the client's clock, event_day the day by ours: a wrong clock must not make partitions.
-- Of copies that differ the greatest version stays: the smallest offset (none: last), then the smallest received_at.
-- version = NOT (offset, a day added, from bit 32 on | how long the event waited from ts + offset to its receipt, a day
-- added, in the 32 bits below): with ts and offset equal, the smaller wait is the smaller received_at.
-- position_lag_ms: ts - position_ms, which does not change while playing; dropped_frames_plus_1: 0 is unknown.
-- EPHEMERAL columns are what an insert gives and the ALIAS ones give it back. Whoever starts the service sets the TTL,
-- by PLAYHEAD_RETENTION_DAYS: one from here would drop what a longer retention keeps.
CREATE OR REPLACE TABLE playback_events
(
    stream_id LowCardinality(String) CODEC(ZSTD(1)),
    session_id UUID CODEC(ZSTD(1)),
    client_id String CODEC(ZSTD(3)),
    ts Int64 CODEC(Delta, ZSTD(1)),
    seq UInt64 CODEC(Delta, ZSTD(3)),
    type Enum8(
        'play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6,
        'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12,
        'quit' = 13, 'other' = 14
    ) CODEC(ZSTD(3)),
    received_ms Int64 EPHEMERAL,
    sent_offset_ms Nullable(Int32) EPHEMERAL,
    version UInt64 DEFAULT bitNot(bitOr(
        bitShiftLeft(toUInt64(ifNull(sent_offset_ms + 86400000, 268435455)), 32),
        toUInt64(greatest(least(received_ms - ts - ifNull(sent_offset_ms, 0) + 86400000, 4294967295), 0))
    )) CODEC(T64, ZSTD(3)),
    event_day Date DEFAULT toDate(intDiv(ts + ifNull(sent_offset_ms, 0), 86400000)) CODEC(ZSTD(3)),
    sent_position_ms Nullable(UInt64) EPHEMERAL,
    position_lag_ms Nullable(Int64) DEFAULT ts - sent_position_ms CODEC(ZSTD(1)),
    bitrate_kbps UInt32 CODEC(ZSTD(3)),
    width UInt32 CODEC(ZSTD(3)),
    height UInt32 CODEC(ZSTD(3)),
    player_width UInt32 CODEC(ZSTD(3)),
    player_height UInt32 CODEC(ZSTD(3)),
    sent_dropped_frames Nullable(UInt32) EPHEMERAL,
    dropped_frames_plus_1 UInt64 DEFAULT ifNull(sent_dropped_frames + 1, 0) CODEC(T64, ZSTD(1)),
    visible Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2) CODEC(ZSTD(3)),
    muted Nullable(Bool) CODEC(ZSTD(1)),
    playback_rate Nullable(Float32) CODEC(ZSTD(3)),
    error_code LowCardinality(String) CODEC(ZSTD(1)),
    error_message LowCardinality(String) CODEC(ZSTD(1)),
    is_error_fatal Bool CODEC(ZSTD(3)),
    is_error_business Bool CODEC(ZSTD(3)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    player_name LowCardinality(String) CODEC(ZSTD(1)),
    player_version LowCardinality(String) CODEC(ZSTD(1)),
    content_title LowCardinality(String) CODEC(ZSTD(1)),
    content_duration_ms UInt64 CODEC(ZSTD(3)),
    content_is_live Nullable(Bool) CODEC(ZSTD(1)),
    page_url LowCardinality(String) CODEC(ZSTD(1)),
    timezone LowCardinality(String) CODEC(ZSTD(1)),
    country LowCardinality(String) CODEC(ZSTD(1)),
    device LowCardinality(String) CODEC(ZSTD(1)),
    os LowCardinality(String) CODEC(ZSTD(1)),
    browser LowCardinality(String) CODEC(ZSTD(1)),
    position_ms Nullable(UInt64) ALIAS toUInt64(ts - position_lag_ms),
    dropped_frames Nullable(UInt32) ALIAS if(dropped_frames_plus_1 = 0, NULL, toUInt32(dropped_frames_plus_1 - 1)),
    offset_ms Nullable(Int32) ALIAS if(
        bitShiftRight(bitNot(version), 32) = 268435455,
        NULL,
        toInt32(toInt64(bitShiftRight(bitNot(version), 32)) - 86400000)
    ),
    received_at DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(
        toInt64(bitAnd(bitNot(version), 4294967295)) - 86400000 + ts + ifNull(offset_ms, 0), 'UTC'
    ),
    sent_at Nullable(DateTime64(3, 'UTC')) ALIAS received_at - toIntervalMillisecond(offset_ms),
    event_at DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(ts + ifNull(offset_ms, 0), 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_day)
ORDER BY (intDiv(ts, 86400000), session_id, stream_id, ts, seq, type)
SETTINGS ttl_only_drop_parts = 1, ratio_of_defaults_for_sparse_serialization = 0.8
AS SELECT
    stream_id,
    session_id,
    client_id,
    ts,
    seq,
    type,
    bitNot(bitOr(
        bitShiftLeft(toUInt64(ifNull(offset_ms + 86400000, 268435455)), 32),
        toUInt64(greatest(least(
            toUnixTimestamp64Milli(received_at) - ts - ifNull(offset_ms, 0) + 86400000, 4294967295
        ), 0))
    )) AS version,
    event_day,
    ts - position_ms AS position_lag_ms,
    bitrate_kbps,
    width,
    height,
    player_width,
    player_height,
    ifNull(dropped_frames + 1, 0) AS dropped_frames_plus_1,
    visible,
    muted,
    playback_rate,
    error_code,
    error_message,
    is_error_fatal,
    is_error_business,
    provider,
    player_name,
    player_version,
    content_title,
    content_duration_ms,
    content_is_live,
    page_url,
    timezone,
    country,
    device,
    os,
    browser
FROM playback_events
SETTINGS max_execution_time = 0;
