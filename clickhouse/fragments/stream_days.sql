-- purpose: days of streams, from the mart
-- parameters: stream_id, organizer_id String, stream_ids Array(String), '' and empty for any; those of covered_days
-- reads: stream_daily, streams
SELECT
    CAST(stream_id, 'String') AS value, every_sum, startups_ms, viewer_hashes, first_provider_key,
    CAST(first_provider, 'String') AS provider
FROM stream_daily FINAL
WHERE covered_days
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND (empty({stream_ids:Array(String)}) OR stream_id IN {stream_ids:Array(String)})
    AND (
        {organizer_id:String} = ''
        OR stream_id IN (SELECT stream_id FROM streams FINAL WHERE organizer_id = {organizer_id:String})
    )
SETTINGS use_uncompressed_cache = 1
