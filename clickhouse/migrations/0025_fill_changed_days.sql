-- purpose: note the days of the sessions that were stored before changed_days was there
-- reads: sessions; writes: changed_days
INSERT INTO changed_days
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    max(version) AS changed_version
FROM sessions
GROUP BY day;
