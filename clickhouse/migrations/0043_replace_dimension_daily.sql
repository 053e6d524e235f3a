-- purpose: dimension_daily in smaller granules, so that a question about one value does not read the sets and arrays of the others
-- grain: one dimension, value and day (UTC); the greatest version counts; facts = 0: nothing is left of what was there
-- The table comes back empty; `aggregate` fills it, and until then the sessions answer.
CREATE OR REPLACE TABLE dimension_daily AS dimension_daily
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 128;
