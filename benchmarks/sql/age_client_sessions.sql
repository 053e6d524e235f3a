-- purpose: client_sessions as months of life would leave it: a session was touched when its last event came
-- grain: one client in one session
-- reads: client_sessions, session_index; writes: bench_client_sessions, which then takes its place
INSERT INTO bench_client_sessions
SELECT c.* REPLACE (i.last_at AS last_touched_at)
FROM client_sessions AS c
INNER JOIN (
    SELECT session_id, fromUnixTimestamp64Milli(max(last_ts), 'UTC') AS last_at FROM session_index GROUP BY session_id
) AS i ON i.session_id = c.session_id
