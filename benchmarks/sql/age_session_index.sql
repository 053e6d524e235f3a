-- purpose: session_index as months of life would leave it: a session was touched when its last event came
-- grain: one session
-- reads: session_index; writes: bench_session_index, which then takes its place
INSERT INTO bench_session_index
SELECT * REPLACE (
    fromUnixTimestamp64Milli(last_ts, 'UTC') AS touched_at,
    toMonday(toDate(fromUnixTimestamp64Milli(last_ts, 'UTC'))) AS touched_week
)
FROM session_index
