-- purpose: streams with one filter, over days, without reading their sessions
-- grain: one dimension (country, device or provider), value, stream and day (UTC); the greatest version counts;
--   facts = 0: nothing is left of what was there
-- first_provider_ms: when the first session that named a provider began, first_provider: that of it
-- Filled by dbt (model of the same name). Who the viewers were is left to the sessions: it would weigh more than all else.
CREATE TABLE IF NOT EXISTS stream_dimension_daily
(
    dimension LowCardinality(String),
    value LowCardinality(String),
    stream_id LowCardinality(String),
    day Date,
    version UInt64 CODEC(ZSTD(3)),
    facts UInt64 CODEC(ZSTD(3)),
    sessions UInt64 CODEC(ZSTD(3)),
    attempts UInt64 CODEC(ZSTD(3)),
    plays UInt64 CODEC(ZSTD(3)),
    total_playing_ms UInt64 CODEC(ZSTD(3)),
    total_playing_hidden_ms UInt64 CODEC(ZSTD(3)),
    known_startups UInt64 CODEC(ZSTD(3)),
    rebuffering_known_plays UInt64 CODEC(ZSTD(3)),
    total_rebuffers UInt64 CODEC(ZSTD(3)),
    total_rebuffer_ms UInt64 CODEC(ZSTD(3)),
    total_demand_ms UInt64 CODEC(ZSTD(3)),
    failed_attempts UInt64 CODEC(ZSTD(3)),
    business_error_attempts UInt64 CODEC(ZSTD(3)),
    error_attempts UInt64 CODEC(ZSTD(3)),
    ebvs_attempts UInt64 CODEC(ZSTD(3)),
    total_bitrate_known_ms UInt64 CODEC(ZSTD(3)),
    total_bitrate_kbps_ms UInt64 CODEC(ZSTD(3)),
    scored_attempts UInt64 CODEC(ZSTD(3)),
    total_score Decimal(38, 9) CODEC(ZSTD(3)),
    peak UInt64 CODEC(ZSTD(3)),
    peak_ms Int64 CODEC(ZSTD(3)),
    first_ms Int64 CODEC(ZSTD(3)),
    last_event_ms Int64 CODEC(ZSTD(3)),
    startups_ms Array(UInt64) CODEC(ZSTD(3)),
    first_provider LowCardinality(String),
    first_provider_ms Int64 CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, stream_id, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
