-- purpose: every metric by the values of a dimension, the most played first
-- grain: one value that has a session in view
-- parameters: what the source takes; max_values UInt64: values beyond it are left out
-- reads: sums_source: dimension_days or dimension_days_and_sessions
SELECT
    s.value AS value,
    uniqExactArray(s.viewer_hashes) AS viewers,
    quantilesDDArrayMerge(0.005, 0.5, 0.95)(s.startup_state) AS startup_quantiles_ms,
    every_metric
FROM sums_source AS s
GROUP BY s.value
HAVING sum(s.facts) > 0
ORDER BY playing_time_s DESC, value
LIMIT {max_values:UInt64}
