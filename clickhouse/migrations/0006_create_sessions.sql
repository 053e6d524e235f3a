-- purpose: one row a session, worked out from its events by session_fold; what every answer reads
-- grain: one session (stream_id, session_id); the greatest version counts, and it rises with every refold
-- Partitioned by the weeks in which it began and ended: a row's newer version can begin at most a day later and
-- end at most two days earlier than an older one (only the clock correction can do that), so a reader who allows
-- for two days on both sides sees the newest version of every session in its range (view sessions_between).
CREATE TABLE IF NOT EXISTS sessions
(
    stream_id LowCardinality(String),
    session_id UUID,
    version UInt64 CODEC(ZSTD(3)),
    folded_rows UInt64 CODEC(ZSTD(3)),
    start_week Date CODEC(ZSTD(3)),
    last_week Date CODEC(ZSTD(3)),
    started_at DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    last_at DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    skew_ms Int32 CODEC(ZSTD(3)),
    events UInt32 CODEC(ZSTD(3)),
    is_truncated Bool CODEC(ZSTD(3)),
    client_id String CODEC(ZSTD(3)),
    is_bot Bool CODEC(ZSTD(3)),
    is_attempt Bool CODEC(ZSTD(3)),
    is_play Bool CODEC(ZSTD(3)),
    has_error Bool CODEC(ZSTD(3)),
    has_failure Bool CODEC(ZSTD(3)),
    has_business_error Bool CODEC(ZSTD(3)),
    can_report_rebuffering Bool CODEC(ZSTD(3)),
    starting_ms UInt64 CODEC(ZSTD(3)),
    playing_ms UInt64 CODEC(ZSTD(3)),
    playing_hidden_ms UInt64 CODEC(ZSTD(3)),
    paused_ms UInt64 CODEC(ZSTD(3)),
    rebuffering_ms UInt64 CODEC(ZSTD(3)),
    seeking_ms UInt64 CODEC(ZSTD(3)),
    startup_ms Nullable(UInt64) CODEC(ZSTD(3)),
    rebuffer_episodes UInt32 CODEC(ZSTD(3)),
    rebuffer_episodes_ms UInt64 CODEC(ZSTD(3)),
    bitrate_known_ms UInt64 CODEC(ZSTD(3)),
    bitrate_kbps_ms UInt64 CODEC(ZSTD(3)),
    upscale_known_ms UInt64 CODEC(ZSTD(3)),
    upscale_mean Float64 CODEC(ZSTD(3)),
    upscale_max Float64 CODEC(ZSTD(3)),
    qoe_score Nullable(Decimal(12, 9)) CODEC(ZSTD(3)),
    span_starts_ms Array(Int64) CODEC(ZSTD(3)),
    span_ends_ms Array(Int64) CODEC(ZSTD(3)),
    error_codes Array(LowCardinality(String)) CODEC(ZSTD(3)),
    provider LowCardinality(String),
    player_name LowCardinality(String),
    player_version LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    content_title String CODEC(ZSTD(3)),
    content_duration_ms UInt64 CODEC(ZSTD(3)),
    content_is_live Nullable(Bool) CODEC(ZSTD(3)),
    page_url String CODEC(ZSTD(3)),
    timezone LowCardinality(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY (start_week, last_week)
ORDER BY (stream_id, session_id)
TTL last_week + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;
