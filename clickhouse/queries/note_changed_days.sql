-- purpose: note once more the days of the sessions that were refolded of late: a process that was killed may have
--   stored sessions and not come to note their days
-- parameters: look_back_ms Int64: how long before now, or before the last round of the refresh if that is longer ago
-- reads: sessions, refresh_marks; writes: changed_days
INSERT INTO changed_days
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    max(version) AS changed_version
FROM sessions
WHERE version >= toUInt64(greatest(0, 1000000 * (least(
    toUnixTimestamp64Milli(now64(3, 'UTC')),
    (SELECT toUnixTimestamp64Milli(max(refreshed_until)) FROM refresh_marks)
) - {look_back_ms:Int64})))
GROUP BY day
