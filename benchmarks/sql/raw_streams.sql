SELECT
    stream_id,
    count() AS sessions,
    countIf(is_play) AS plays,
    uniqExact(client_id) AS viewers,
    sum(playing_ms) AS total_playing_ms,
    quantilesDDIf(0.005, 0.5, 0.95)(startup_ms, is_play) AS startups,
    sum(rebuffers) AS total_rebuffers,
    sum(rebuffering_ms) AS total_rebuffering_ms,
    sum(has_failure) AS failures,
    maxIntersections(started_ms, ended_ms) AS peak
FROM raw_sessions
GROUP BY stream_id
ORDER BY total_playing_ms DESC
LIMIT 100
