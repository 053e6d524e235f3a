-- purpose: the sessions that batches without a session_id may belong to, for many senders at once
-- grain: one session of one client (that of its first event); at most 1000 a client, the latest
-- parameters: stream_ids, client_ids Array(String): pairs, one a sender
--   from_ts, to_ts Int64: only sessions with an event in [from_ts, to_ts] or on both sides of it
-- reads: client_sessions, session_index
SELECT
    stream_id,
    argMinMerge(first_client) AS client_id,
    toString(session_id) AS session,
    min(first_ts) AS begins_ts,
    max(last_ts) AS ends_ts
FROM session_index
WHERE (session_id, stream_id) IN (
    SELECT session_id, stream_id
    FROM client_sessions
    WHERE (stream_id, client_id) IN arrayZip({stream_ids:Array(String)}, {client_ids:Array(String)})
)
GROUP BY session_id, stream_id
HAVING begins_ts <= {to_ts:Int64}
    AND ends_ts >= {from_ts:Int64}
    AND (stream_id, client_id) IN arrayZip({stream_ids:Array(String)}, {client_ids:Array(String)})
ORDER BY begins_ts DESC, session DESC
LIMIT 1000 BY stream_id, client_id
