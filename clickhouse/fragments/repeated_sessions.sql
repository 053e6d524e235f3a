-- purpose: sessions that have more than one row, and some others whose ids have the same hash
-- parameters: those of begun_weeks
-- reads: sessions
SELECT cityHash64(session_id) AS session_hash FROM sessions WHERE begun_weeks GROUP BY session_hash HAVING count() > 1
