-- purpose: every metric over all sessions in view
-- grain: one period of the source that has any session
-- parameters: what the source takes; merge_viewers Bool: whether viewers are counted here (false: 0)
-- reads: sums_source: dimension_days or dimension_days_and_sessions
SELECT
    s.period AS period,
    uniqExactArray(s.stream_hashes) AS streams,
    uniqExactArray(if({merge_viewers:Bool}, s.viewer_hashes, [])) AS viewers,
    quantilesDDArrayMerge(0.005, 0.5, 0.95)(s.startup_state) AS startup_quantiles_ms,
    every_metric
FROM sums_source AS s
GROUP BY s.period
HAVING sum(s.facts) > 0
