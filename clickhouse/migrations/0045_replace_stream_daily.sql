-- purpose: stream_daily in smaller granules, so that a question about one stream does not read the sets and arrays of the others
-- grain: one stream and day (UTC); the greatest version counts; facts = 0: nothing is left of what was there
-- The table comes back empty; `aggregate` fills it, and until then the sessions answer.
CREATE OR REPLACE TABLE stream_daily AS stream_daily
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (stream_id, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 256;
