-- purpose: the registry's entry of one stream, and the version a change of it follows
-- grain: one row, or none where the stream is not registered
-- parameters: stream_id String
-- reads: streams
SELECT
    stream_id,
    title,
    organizer_id,
    is_live,
    providers,
    version
FROM streams FINAL
WHERE stream_id = {stream_id:String}
