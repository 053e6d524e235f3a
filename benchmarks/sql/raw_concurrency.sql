SELECT
    hour,
    maxIntersections(greatest(started_ms, hour * 3600000), least(ended_ms, (hour + 1) * 3600000)) AS peak
FROM raw_sessions
ARRAY JOIN range(intDiv(started_ms, 3600000), intDiv(ended_ms, 3600000) + 1) AS hour
GROUP BY hour
ORDER BY hour
