-- purpose: what the sessions with one value of a dimension add up to in a day
-- grain: one dimension, value and day (UTC); the greatest version counts; facts = 0: nothing is left of what was there
-- dimension: '' (the whole platform; value '') | organizer_id | country | device | os | browser | player | provider
--   | error_code (a session counts under each code it had). Who the viewers and streams were is kept for the first two.
-- Filled by dbt (model of the same name) from metric_sums, which says what the columns are.
CREATE TABLE IF NOT EXISTS dimension_daily
(
    dimension LowCardinality(String),
    value String,
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
    startup_state AggregateFunction(quantilesDDArray(0.005, 0.5, 0.95), Array(UInt64)),
    viewers UInt64 CODEC(ZSTD(3)),
    streams UInt64 CODEC(ZSTD(3)),
    viewer_hashes Array(UInt64) CODEC(ZSTD(1)),
    stream_hashes Array(UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;
