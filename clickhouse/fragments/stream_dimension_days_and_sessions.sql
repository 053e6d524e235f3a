-- purpose: the same from the mart for some days and from the sessions for the rest
-- parameters: those of stream_dimension_days and fresh_sums, without stream_ids
-- reads: stream_dimension_daily, streams, metric_sums
SELECT
    CAST(stream_id, 'String') AS value, every_sum, startups_ms, CAST([], 'Array(UInt64)') AS viewer_hashes,
    (first_provider_ms, day) AS first_provider_key, CAST(first_provider, 'String') AS provider
FROM stream_dimension_daily AS d FINAL
WHERE d.dimension = {dimension:String} AND d.value = {value:String} AND covered_days
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND (
        {organizer_id:String} = ''
        OR stream_id IN (SELECT stream_id FROM streams FINAL WHERE organizer_id = {organizer_id:String})
    )
UNION ALL
SELECT
    value, every_sum, startups_ms, CAST([], 'Array(UInt64)') AS viewer_hashes,
    (first_provider_key.1, toDate(fromUnixTimestamp64Milli(first_ms, 'UTC'))) AS first_provider_key,
    CAST(first_provider, 'String') AS provider
FROM fresh_sums
