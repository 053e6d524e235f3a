-- purpose: one session's events in their order, with the state after each
-- grain: one distinct event of the session, of the first max_events
-- parameters: those of session_timeline
-- reads: session_timeline
SELECT *
FROM session_timeline(
    stream_id = {stream_id:String}, session_id = {session_id:UUID}, max_events = {max_events:UInt64}
)
ORDER BY ts, seq, type
