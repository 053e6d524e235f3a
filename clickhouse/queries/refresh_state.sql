-- purpose: the database's clock, and how far the sessions are up to date (0: never refreshed), in ms;
--   arrivals_until_ns: up to which stamp the arrivals are in them; counted_until_ms: when inserts were last counted
-- reads: refresh_marks
SELECT
    toUnixTimestamp64Milli(now64(3, 'UTC')) AS now_ms,
    toUnixTimestamp64Milli(max(refreshed_until)) AS refreshed_until_ms,
    toUnixTimestamp64Nano(max(arrivals_until)) AS arrivals_until_ns,
    toUnixTimestamp64Milli(max(counted_until)) AS counted_until_ms
FROM refresh_marks
