-- purpose: distinct viewers over any run of days, exactly and without merging sets, of streams too
-- grain: one dimension ('' the whole platform, organizer_id or stream_id), value and day (UTC); the greatest version counts
-- previous_days, previous_viewers: how many of the day's viewers had their latest earlier attempt on which day
--   (1970-01-01: never). The viewers of [from, to): on each of its days, who has a previous day before `from`.
-- Filled by dbt (model of the same name) from dimension_daily and stream_daily. The table comes back empty; until
-- `aggregate` has filled it, viewers are counted from the other marts' sets.
CREATE OR REPLACE TABLE viewers_daily AS viewers_daily
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
