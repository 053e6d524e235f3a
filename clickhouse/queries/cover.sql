-- purpose: when days of a range changed, and up to when they are built into marts, to tell which marts may answer
-- grain: one day and kind; versions are the database's times in ns, those of `now` and `refreshed` in ms
--   kind: changed | now (the database's clock) | refreshed (the newest mark, 0: never) | a mart, when the day is in it
-- parameters: from_day, to_day Date: the range, its end not included; models Array(String): marts
-- reads: changed_days, mart_builds, refresh_marks
SELECT 'changed' AS kind, toUInt16(day) AS day_number, changed_version AS version
FROM changed_days FINAL
WHERE day >= {from_day:Date} AND day < {to_day:Date}
UNION ALL
SELECT model AS kind, toUInt16(day) AS day_number, settled_version AS version
FROM mart_builds FINAL
WHERE day >= {from_day:Date} AND day < {to_day:Date} AND has({models:Array(String)}, model)
UNION ALL
SELECT 'now' AS kind, 0 AS day_number, toUInt64(toUnixTimestamp64Milli(now64(3, 'UTC'))) AS version
UNION ALL
SELECT 'refreshed' AS kind, 0 AS day_number, toUInt64(toUnixTimestamp64Milli(max(refreshed_until))) AS version
FROM refresh_marks
