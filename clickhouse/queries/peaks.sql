-- purpose: the exact peak of each bucket of time
-- grain: one bucket in which any session was active; t: its begin in ms, peak_at: the first instant of the peak
-- parameters: what the source takes
-- reads: sums_source: dimension_day_points, dimension_hour_points, stream_day_points or fresh_sums
SELECT
    s.bucket_ms AS t,
    max(s.peak) AS peak_concurrent,
    argMax(s.peak_ms, (s.peak, -s.peak_ms)) AS peak_at
FROM sums_source AS s
GROUP BY s.bucket_ms
HAVING peak_concurrent > 0
ORDER BY t
