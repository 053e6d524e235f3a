-- purpose: note once more the days of the sessions that were refolded of late: a process that was killed may have
--   stored sessions and not come to note their days
-- parameters: since_version UInt64: only sessions refolded since then (sessions.version)
-- reads: sessions; writes: changed_days
INSERT INTO changed_days
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    max(version) AS changed_version
FROM sessions
WHERE version >= {since_version:UInt64}
GROUP BY day
