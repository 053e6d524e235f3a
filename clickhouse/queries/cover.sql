-- purpose: which days of a range a mart may not answer for, and how far the sessions are up to date
-- grain: one row; *_ms: instants in ms, the database's clock and the newest mark (0: never refreshed);
--   are_viewers_settled: whether viewers_daily is newer than every change in the range
-- parameters: from_day, to_day Date: the range, its end not included; models Array(String): marts, all must be fresh
-- reads: changed_days, mart_builds, refresh_marks
WITH
    changed AS (
        SELECT
            day AS changed_day,
            max(changed_version) AS changed_at
        FROM changed_days
        WHERE day >= {from_day:Date} AND day < {to_day:Date}
        GROUP BY changed_day
    ),
    built AS (
        SELECT
            day AS built_day,
            model AS built_model,
            max(settled_version) AS settled_at
        FROM mart_builds
        WHERE day >= {from_day:Date} AND day < {to_day:Date}
        GROUP BY built_day, built_model
    ),
    settled AS (
        SELECT
            built_day,
            countIf(has({models:Array(String)}, built_model)) = length({models:Array(String)}) AS is_built,
            minIf(settled_at, has({models:Array(String)}, built_model)) AS oldest,
            maxIf(settled_at, built_model = 'viewers_daily') AS viewers_settled_at
        FROM built
        GROUP BY built_day
    )
SELECT
    (SELECT toUnixTimestamp64Milli(now64(3, 'UTC'))) AS now_ms,
    (SELECT toUnixTimestamp64Milli(max(refreshed_until)) FROM refresh_marks) AS refreshed_until_ms,
    groupArrayIf(toString(changed_day), NOT is_built OR changed_at >= oldest) AS stale_days,
    toBool(min(viewers_settled_at) > max(changed_at)) AS are_viewers_settled
FROM changed
LEFT JOIN settled ON settled.built_day = changed.changed_day
