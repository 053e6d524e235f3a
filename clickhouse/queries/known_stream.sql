-- purpose: whether the registry or a session tells of a stream
-- grain: one row, or none where nobody has heard of it
-- parameters: stream_id String, organizer_id String ('' for any; others than the registered one know nothing)
-- reads: streams, sessions
SELECT stream_id
FROM (
    SELECT stream_id
    FROM streams FINAL
    WHERE stream_id = {stream_id:String} AND ({organizer_id:String} = '' OR organizer_id = {organizer_id:String})
    UNION ALL
    SELECT stream_id
    FROM sessions
    WHERE stream_id = {stream_id:String} AND {organizer_id:String} = ''
    LIMIT 1
)
LIMIT 1
