-- purpose: the database's clock, and how far the sessions are up to date (0: never refreshed), in ms
-- reads: refresh_marks
SELECT
    toUnixTimestamp64Milli(now64(3, 'UTC')) AS now_ms,
    toUnixTimestamp64Milli(max(refreshed_until)) AS refreshed_until_ms
FROM refresh_marks
