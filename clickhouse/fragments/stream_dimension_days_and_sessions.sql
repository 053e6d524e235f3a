-- purpose: the same from the mart for some days and from the sessions for the rest
-- parameters: those of stream_dimension_days and fresh_sums
-- reads: stream_dimension_daily, streams, metric_sums
SELECT * FROM stream_dimension_days
UNION ALL
SELECT
    value, every_sum, startups_ms, CAST([], 'Array(UInt64)') AS viewer_hashes,
    (first_provider_key.1, toDate(fromUnixTimestamp64Milli(first_ms, 'UTC'))) AS first_provider_key,
    CAST(first_provider, 'String') AS provider
FROM fresh_sums
