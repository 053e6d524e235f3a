-- purpose: what the newest drift check found
-- grain: one day and subject; checked_at in ms
-- reads: drift_checks
SELECT
    toUnixTimestamp64Milli(checked_at) AS checked_ms,
    day,
    subject,
    checked,
    differing,
    examples
FROM drift_checks
WHERE check_id IN (SELECT argMax(c.check_id, c.checked_at) FROM drift_checks AS c)
ORDER BY day DESC, subject
