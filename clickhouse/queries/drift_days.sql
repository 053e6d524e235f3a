-- purpose: which closed days a drift check looks at: the newest one, and others by chance
-- grain: one day that has sessions, or events that should be in one
-- parameters: max_days UInt32: so many at most; first_day Date: none before it
-- reads: changed_days, session_index
SELECT day
FROM (
    SELECT day FROM changed_days
    UNION DISTINCT
    SELECT arrayJoin(arrayMap(d -> toDate(toUInt16(d)), days)) AS day FROM session_index
)
WHERE day >= {first_day:Date} AND day < toDate(now('UTC'))
ORDER BY day = max(day) OVER () DESC, rand()
LIMIT {max_days:UInt32}
