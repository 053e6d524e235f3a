-- purpose: which marts are up to date with the sessions of a day, by the rule that answers go by (cover.sql)
-- grain: one mart; changed_version: the newest of the changes it has seen
-- parameters: day Date
-- reads: mart_builds, changed_days
SELECT model, changed_at AS changed_version
FROM (
    SELECT
        CAST(model, 'String') AS model,
        max(settled_version) AS settled_at,
        -- Who was seen before depends on all days before.
        if(
            model = 'viewers_daily',
            (SELECT max(changed_version) FROM changed_days WHERE day <= {day:Date}),
            (SELECT max(changed_version) FROM changed_days WHERE day = {day:Date})
        ) AS changed_at
    FROM mart_builds
    WHERE day = {day:Date}
    GROUP BY model
)
WHERE settled_at > changed_at
