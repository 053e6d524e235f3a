-- purpose: which run may do a job now, across workers and hosts; how a lease is taken is told in ops/jobs/lease.py
-- grain: one run of one job; the greatest version counts
-- is_standing: false while the run looks whether another one is at it; lease_ms 0: given back
CREATE TABLE IF NOT EXISTS job_leases
(
    job LowCardinality(String),
    run_id UUID,
    is_standing Bool,
    lease_ms UInt32,
    renewed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    version UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC')))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (job, run_id)
TTL toDateTime(renewed_at) + INTERVAL 1 DAY;
