-- purpose: what the registry and the players say of one stream, whatever the range
-- grain: one row, or none where neither has heard of it
-- parameters: stream_id String, organizer_id String ('' for any)
-- reads: sessions, streams
SELECT
    toBool(notEmpty(r.stream_id)) AS is_registered,
    r.title AS title,
    r.organizer_id AS organizer_id,
    r.is_live AS is_live,
    if(r.providers = '', '[]', r.providers) AS providers,
    nullIf(s.content_title, '') AS content_title,
    nullIf(s.content_duration_ms, 0) AS content_duration_ms,
    s.content_is_live AS content_is_live
FROM (
    SELECT
        count() AS sessions,
        argMaxIf(content_title, (started_at, session_id), content_title != '') AS content_title,
        argMaxIf(content_duration_ms, (started_at, session_id), content_duration_ms != 0) AS content_duration_ms,
        argMaxIf(content_is_live, (started_at, session_id), isNotNull(content_is_live)) AS content_is_live
    FROM sessions FINAL
    WHERE stream_id = {stream_id:String}
) AS s
LEFT JOIN (
    SELECT stream_id, title, organizer_id, is_live, providers FROM streams FINAL WHERE stream_id = {stream_id:String}
) AS r ON 1 = 1
WHERE (s.sessions > 0 OR is_registered) AND ({organizer_id:String} = '' OR r.organizer_id = {organizer_id:String})
