-- purpose: what the jobs did: when, on which host, and how it ended
-- grain: one run of one job; the greatest version counts, and a run that lives writes one every third of its lease
-- is_dead: it began, did not end, and gave no sign of life for as long as its lease; nobody else will ever end it
CREATE TABLE IF NOT EXISTS job_runs
(
    job LowCardinality(String),
    run_id UUID,
    trigger LowCardinality(String),
    host String,
    pid UInt32,
    started_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    heartbeat_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    lease_ms UInt32,
    status Enum8('running' = 1, 'succeeded' = 2, 'failed' = 3),
    finished_at Nullable(DateTime64(3, 'UTC')) DEFAULT if(status = 'running', NULL, now64(3, 'UTC')),
    detail String,
    version UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    is_dead Bool ALIAS status = 'running' AND heartbeat_at + toIntervalMillisecond(lease_ms) < now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (job, run_id)
TTL toDateTime(started_at) + INTERVAL 90 DAY;
