-- purpose: feed client_sessions from every insert, as 0005 did before playback_events was laid out anew
-- reads: playback_events (the inserted block)
CREATE MATERIALIZED VIEW IF NOT EXISTS client_sessions_writer TO client_sessions AS
SELECT
    stream_id,
    client_id,
    session_id,
    now64(3, 'UTC') AS last_touched_at
FROM playback_events
GROUP BY stream_id, client_id, session_id;
