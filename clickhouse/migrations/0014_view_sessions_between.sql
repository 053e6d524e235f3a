-- purpose: the newest row of every session that began or was active in a range, and some of its neighbours
-- grain: one session (stream_id, session_id)
-- parameters: from_ms, to_ms Int64: the range [from, to); callers still compare the exact instants
-- reads: sessions
-- Weeks are compared two days wider than asked: no newer version of a row that matters lies outside (see `sessions`).
CREATE OR REPLACE VIEW sessions_between AS
SELECT *
FROM sessions FINAL
WHERE start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) + 2)
    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) - 2);
