-- purpose: note the days of sessions that were folded, and those that they lay on before
-- parameters: from_version UInt64: of the rows with this version or a greater one
-- reads: sessions; writes: changed_days
-- A view on sessions could do it, but a table with a view is written by fewer threads, and planning the view takes
-- longer than this.
INSERT INTO changed_days
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    max(version) AS changed_version
FROM sessions
WHERE version >= {from_version:UInt64}
GROUP BY day
