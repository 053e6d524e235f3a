-- purpose: startup times of some streams, and their viewers, which are dear to work out for all of them
-- grain: one stream that had a session in the range
-- parameters: what the source takes, stream_ids among it
--   merge_viewers Bool: whether viewers are counted here (false: 0)
-- reads: sums_source: stream_days
SELECT
    s.value AS value,
    uniqExactArray(if({merge_viewers:Bool}, s.viewer_hashes, [])) AS viewers,
    quantilesDDArray(0.005, 0.5, 0.95)(s.startups_ms) AS startup_quantiles_ms,
    startup_quantiles
FROM sums_source AS s
GROUP BY s.value
SETTINGS max_block_size = 8192
