-- purpose: the sessions that are active now, counted by stream: heard of in the last minute and active up to then
-- grain: one stream with such a session
-- parameters: now_ms Int64: the database's clock; organizer_id, provider, country, device String ('' for any)
--   include_bots Bool
-- reads: sessions, streams
-- No row tells the state after the last event, so that who has just left counts for a minute more.
-- A row's version is the instant it was folded, which is no earlier than its events came: so a clock that runs ahead
-- keeps no session here, and the newest row of a session is among those that are young enough, without FINAL.
WITH newest AS (
    SELECT
        stream_id,
        toUnixTimestamp64Milli(last_at) AS last_ms,
        span_ends_ms[-1] AS active_until_ms,
        is_bot,
        provider,
        country,
        device
    FROM sessions
    WHERE last_week >= toMonday(toDate(fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')) - 3)
        AND version >= toUInt64(({now_ms:Int64} - 60000) * 1000000)
    ORDER BY version DESC
    LIMIT 1 BY stream_id, session_id
)
SELECT
    n.stream_id AS stream_id,
    if(any(r.stream_id) = '', NULL, any(r.title)) AS title,
    if(any(r.stream_id) = '', NULL, any(r.organizer_id)) AS organizer_id,
    count() AS concurrent
FROM newest AS n
LEFT ANY JOIN (SELECT stream_id, title, organizer_id FROM streams FINAL) AS r ON r.stream_id = n.stream_id
WHERE n.last_ms > {now_ms:Int64} - 60000
    AND n.active_until_ms > n.last_ms
    AND ({include_bots:Bool} OR NOT n.is_bot)
    AND ({organizer_id:String} = '' OR r.organizer_id = {organizer_id:String})
    AND ({provider:String} = '' OR if(n.provider = '', 'unknown', n.provider) = {provider:String})
    AND ({country:String} = '' OR if(n.country = '', 'unknown', n.country) = {country:String})
    AND ({device:String} = '' OR n.device = {device:String})
GROUP BY n.stream_id
ORDER BY concurrent DESC, stream_id
