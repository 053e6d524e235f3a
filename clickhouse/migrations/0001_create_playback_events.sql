-- purpose: every event a player sent, once; the only table that ingest writes events to
-- grain: one event of one session, identified by (stream_id, session_id, ts, seq, type)
-- Sorted by day first, then session, so that refolding touched sessions reads few granules.
-- ts is the client's clock, event_day the day by ours: a wrong clock must not make partitions.
-- Of copies that differ the greatest version stays: the smallest offset (none: last), then the smallest
-- received_at. version = NOT (offset, shifted to be positive, in 28 bits | received_at since the day of ts in 36 bits).
CREATE TABLE IF NOT EXISTS playback_events
(
    stream_id LowCardinality(String),
    session_id UUID,
    client_id String CODEC(ZSTD(3)),
    ts Int64 CODEC(DoubleDelta, ZSTD(3)),
    seq UInt64 CODEC(Delta, ZSTD(3)),
    type Enum8(
        'play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6,
        'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12,
        'quit' = 13, 'other' = 14
    ) CODEC(ZSTD(3)),
    received_ms Int64 EPHEMERAL,
    sent_offset_ms Nullable(Int32) EPHEMERAL,
    version UInt64 DEFAULT bitNot(bitOr(
        bitShiftLeft(toUInt64(if(isNull(sent_offset_ms), 268435455, assumeNotNull(sent_offset_ms) + 86400000)), 36),
        toUInt64(received_ms - intDiv(ts, 86400000) * 86400000 + 172800000)
    )) CODEC(Delta, ZSTD(3)),
    event_day Date DEFAULT toDate(intDiv(ts + ifNull(sent_offset_ms, 0), 86400000)) CODEC(ZSTD(3)),
    position_ms Nullable(UInt64) CODEC(Delta, ZSTD(3)),
    bitrate_kbps UInt32 CODEC(ZSTD(3)),
    width UInt32 CODEC(ZSTD(3)),
    height UInt32 CODEC(ZSTD(3)),
    player_width UInt32 CODEC(ZSTD(3)),
    player_height UInt32 CODEC(ZSTD(3)),
    dropped_frames Nullable(UInt32) CODEC(ZSTD(3)),
    visible Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2) CODEC(ZSTD(3)),
    muted Nullable(Bool) CODEC(ZSTD(3)),
    playback_rate Nullable(Float32) CODEC(ZSTD(3)),
    error_code LowCardinality(String),
    error_message String CODEC(ZSTD(3)),
    is_error_fatal Bool CODEC(ZSTD(3)),
    is_error_business Bool CODEC(ZSTD(3)),
    provider LowCardinality(String),
    player_name LowCardinality(String),
    player_version LowCardinality(String),
    content_title String CODEC(ZSTD(3)),
    content_duration_ms UInt64 CODEC(ZSTD(3)),
    content_is_live Nullable(Bool) CODEC(ZSTD(3)),
    page_url String CODEC(ZSTD(3)),
    timezone LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    offset_ms Nullable(Int32) ALIAS if(
        bitShiftRight(bitNot(version), 36) = 268435455,
        NULL,
        toInt32(toInt64(bitShiftRight(bitNot(version), 36)) - 86400000)
    ),
    received_at DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(
        toInt64(bitAnd(bitNot(version), 68719476735)) - 172800000 + intDiv(ts, 86400000) * 86400000, 'UTC'
    ),
    sent_at Nullable(DateTime64(3, 'UTC')) ALIAS received_at - toIntervalMillisecond(offset_ms),
    event_at DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(ts + ifNull(offset_ms, 0), 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_day)
ORDER BY (intDiv(ts, 86400000), session_id, stream_id, ts, seq, type)
TTL event_day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;
