-- purpose: distinct viewers over any run of days, exactly and without merging sets
-- grain: one dimension ('' the whole platform, or organizer_id), value and day (UTC); the greatest version counts
-- previous_days, previous_viewers: how many of the day's viewers had their latest earlier attempt on which day
--   (1970-01-01: never). The viewers of [from, to): on each of its days, who has a previous day before `from`.
-- Filled by dbt (model of the same name) from dimension_daily.
CREATE TABLE IF NOT EXISTS viewers_daily
(
    dimension LowCardinality(String),
    value String,
    day Date,
    version UInt64 CODEC(ZSTD(3)),
    previous_days Array(Date) CODEC(ZSTD(3)),
    previous_viewers Array(UInt64) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;
