-- purpose: one more heartbeat, five seconds after the last event, for the sessions that began last
-- grain: one row of playback_events
-- parameters: sessions UInt64: how many
-- reads: sessions, playback_events; writes: playback_events
INSERT INTO playback_events (
    stream_id, session_id, client_id, ts, seq, type, received_ms, sent_offset_ms, country, device
)
SELECT
    e.stream_id,
    e.session_id,
    any(e.client_id) AS client_id,
    max(e.ts) + 5000 AS ts,
    max(e.seq) + 1 AS seq,
    8 AS type,
    max(toUnixTimestamp64Milli(e.received_at)) + 5000 AS received_ms,
    max(e.offset_ms) AS sent_offset_ms,
    any(e.country) AS country,
    any(e.device) AS device
FROM (SELECT *, received_at, offset_ms FROM playback_events) AS e
WHERE (e.stream_id, e.session_id) IN (
    SELECT stream_id, session_id FROM sessions FINAL
    ORDER BY started_at DESC LIMIT {sessions:UInt64}
)
GROUP BY e.stream_id, e.session_id
