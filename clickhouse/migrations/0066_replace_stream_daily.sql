-- purpose: stream_daily in larger granules: the table of all streams reads all of them, and unpacking many small pieces was most of it
-- grain: one stream and day (UTC); the greatest version counts; facts = 0: nothing is left of what was there
-- The table comes back empty; `aggregate` fills it, and until then the sessions answer.
CREATE OR REPLACE TABLE stream_daily AS stream_daily
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (stream_id, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
