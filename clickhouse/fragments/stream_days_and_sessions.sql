-- purpose: the same from the mart for some days and from the sessions for the rest
-- parameters: those of stream_days and fresh_sums
-- reads: stream_daily, streams, metric_sums
SELECT
    CAST(stream_id, 'String') AS value, every_sum, startups_ms, viewer_hashes, first_provider_key,
    CAST(first_provider, 'String') AS provider
FROM stream_daily FINAL
WHERE covered_days
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND (
        {organizer_id:String} = ''
        OR stream_id IN (SELECT stream_id FROM streams FINAL WHERE organizer_id = {organizer_id:String})
    )
UNION ALL
SELECT
    value, every_sum, startups_ms, viewer_hashes, first_provider_key, CAST(first_provider, 'String') AS provider
FROM fresh_sums
