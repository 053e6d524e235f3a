-- purpose: the streams on which a session_id was seen, the latest first, at most 100
-- grain: one stream
-- parameters: session_id UUID, stream_id String ('' for any), organizer_id String ('' for any)
-- reads: session_index, streams
SELECT stream_id
FROM session_index
WHERE session_id = {session_id:UUID}
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND ({organizer_id:String} = '' OR stream_id IN (
        SELECT stream_id FROM streams FINAL WHERE organizer_id = {organizer_id:String}
    ))
GROUP BY stream_id
ORDER BY max(last_ts) DESC, stream_id
LIMIT 100
