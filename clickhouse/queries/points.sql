-- purpose: every metric by bucket of time
-- grain: one bucket that has anything to tell; t: its begin in ms
-- parameters: what the source takes
-- reads: sums_source: fresh_sums
SELECT
    s.bucket_ms AS t,
    sum(s.viewers) AS viewers,
    any(s.startup_quantiles_ms) AS startup_quantiles_ms,
    every_metric
FROM sums_source AS s
GROUP BY s.bucket_ms
HAVING sum(s.facts) > 0
ORDER BY t
