-- purpose: viewers and startup times of some streams, which are dear to work out for all of them
-- grain: one stream that had a session in the range
-- parameters: what the source takes, stream_ids among it
-- reads: sums_source: stream_days
SELECT
    s.value AS value,
    uniqExactArray(s.viewer_hashes) AS viewers,
    quantilesDDArray(0.005, 0.5, 0.95)(s.startups_ms) AS startup_quantiles_ms,
    startup_quantiles
FROM sums_source AS s
GROUP BY s.value
SETTINGS max_block_size = 8192
