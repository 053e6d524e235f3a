-- purpose: client_sessions as months of life would leave it: a session was touched when its last event came
-- grain: one client in one session
-- reads: client_sessions, sessions; writes: bench_client_sessions, which then takes its place
INSERT INTO bench_client_sessions
SELECT c.* REPLACE (s.last_at AS last_touched_at)
FROM client_sessions AS c
INNER JOIN (SELECT session_id, last_at FROM sessions FINAL) AS s ON s.session_id = c.session_id
