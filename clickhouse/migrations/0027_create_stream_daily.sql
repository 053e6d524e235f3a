-- purpose: what the sessions of a stream add up to in a day; the table of streams adds days up further
-- grain: one stream and day (UTC); the greatest version counts; facts = 0: nothing is left of what was there
-- Filled by dbt (model of the same name) from metric_sums, which says what the columns are.
CREATE TABLE IF NOT EXISTS stream_daily
(
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
    viewers UInt64 CODEC(ZSTD(3)),
    viewer_hashes Array(UInt64) CODEC(ZSTD(1)),
    first_provider LowCardinality(String),
    first_provider_key Tuple(Int64, UUID) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (stream_id, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;
