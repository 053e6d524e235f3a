SELECT
    (extract(epoch FROM date_trunc('day', started_at)) * 1000)::bigint AS t,
    count(*) AS sessions,
    count(*) FILTER (WHERE is_play) AS plays,
    count(DISTINCT client_id) AS viewers,
    sum(playing_s) AS playing_time_s,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY startup) AS startup_p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY startup) AS startup_p95,
    sum(rebuffers) AS rebuffer_count,
    count(*) FILTER (WHERE has_failure)::float8 / count(*) AS failure_rate
FROM sessions
GROUP BY t
ORDER BY t
