-- purpose: the events of the last hour in the order in which the database took them, for the refresh to go on from
-- grain: one inserted row of playback_events, copies included; only the columns that the fold of a begun session needs
-- stamped_at: the database's clock when the insert began, or a little later; never earlier. Whole parts expire.
CREATE TABLE IF NOT EXISTS arrivals
(
    stamped_at DateTime64(9, 'UTC') CODEC(Delta, LZ4),
    stream_id LowCardinality(String) CODEC(LZ4),
    session_id UUID CODEC(LZ4),
    ts Int64 CODEC(LZ4),
    seq UInt64 CODEC(LZ4),
    type Enum8(
        'play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6,
        'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12,
        'quit' = 13, 'other' = 14
    ),
    version UInt64 CODEC(LZ4),
    bitrate_kbps UInt32,
    width UInt32,
    height UInt32,
    player_width UInt32,
    player_height UInt32,
    visible Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2),
    error_code LowCardinality(String),
    is_error_fatal Bool,
    is_error_business Bool,
    provider LowCardinality(String),
    player_name LowCardinality(String),
    player_version LowCardinality(String),
    content_title LowCardinality(String),
    content_duration_ms UInt64,
    content_is_live Nullable(Bool),
    page_url LowCardinality(String),
    timezone LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    offset_ms Nullable(Int32) ALIAS if(
        bitShiftRight(bitNot(version), 32) = 268435455,
        NULL,
        toInt32(toInt64(bitShiftRight(bitNot(version), 32)) - 86400000)
    )
)
ENGINE = MergeTree
PARTITION BY toStartOfTenMinutes(stamped_at)
ORDER BY stamped_at
TTL toDateTime(stamped_at) + INTERVAL 1 HOUR
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
