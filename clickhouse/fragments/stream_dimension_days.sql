-- purpose: days of streams of one value of a dimension, from the mart; viewers come from the sessions
-- parameters: dimension, value, stream_id, organizer_id String, stream_ids Array(String), '' and empty for any of the
--   latter three; those of covered_days
-- reads: stream_dimension_daily, streams
SELECT
    CAST(stream_id, 'String') AS value, every_sum, startups_ms, CAST([], 'Array(UInt64)') AS viewer_hashes,
    (first_provider_ms, day) AS first_provider_key, CAST(first_provider, 'String') AS provider
FROM stream_dimension_daily AS d FINAL
WHERE d.dimension = {dimension:String} AND d.value = {value:String} AND covered_days
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND (empty({stream_ids:Array(String)}) OR stream_id IN {stream_ids:Array(String)})
    AND (
        {organizer_id:String} = ''
        OR stream_id IN (SELECT stream_id FROM streams FINAL WHERE organizer_id = {organizer_id:String})
    )
SETTINGS use_uncompressed_cache = 1
