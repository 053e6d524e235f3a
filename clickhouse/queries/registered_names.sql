-- purpose: what the registry has of some streams for a table of them
-- grain: one registered stream
-- parameters: stream_ids Array(String); organizer_id String: only its own, '' for any
-- reads: streams
SELECT stream_id, title, organizer_id, JSONExtractString(providers, 1, 'provider') AS provider
FROM streams FINAL
WHERE stream_id IN {stream_ids:Array(String)}
    AND ({organizer_id:String} = '' OR organizer_id = {organizer_id:String})
