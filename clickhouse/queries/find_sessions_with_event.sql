-- purpose: which of some sessions already hold an event: a batch sent again goes where it went before
-- grain: one session
-- parameters: stream_id String, session_ids Array(UUID), ts Int64, seq UInt64, type Int8: the event
-- reads: playback_events, a few granules of it
SELECT DISTINCT toString(session_id) AS session
FROM playback_events
WHERE intDiv(ts, 86400000) = intDiv({ts:Int64}, 86400000)
    AND session_id IN {session_ids:Array(UUID)}
    AND stream_id = {stream_id:String}
    AND ts = {ts:Int64}
    AND seq = {seq:UInt64}
    AND CAST(type, 'Int8') = {type:Int8}
