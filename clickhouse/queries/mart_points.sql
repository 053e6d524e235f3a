-- purpose: every metric by bucket of time, from a mart, which has a row for each bucket
-- grain: one bucket that has anything to tell; t: its begin in ms
-- parameters: what the source takes
-- reads: sums_source: dimension_day_points, dimension_hour_points or stream_day_points
-- As points, without the aggregation: up to a third of the planning.
SELECT
    s.bucket_ms AS t,
    s.viewers AS viewers,
    s.startup_quantiles_ms AS startup_quantiles_ms,
    every_metric_of_a_row
FROM sums_source AS s
WHERE s.facts > 0
ORDER BY t
