SELECT
    count(*) AS sessions,
    count(*) FILTER (WHERE is_play) AS plays,
    count(DISTINCT client_id) AS viewers,
    sum(playing_s) AS playing_time_s,
    round(1000 * extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY startup))) AS startup_ms_p50,
    round(1000 * extract(epoch FROM percentile_disc(0.95) WITHIN GROUP (ORDER BY startup))) AS startup_ms_p95,
    sum(rebuffers) AS rebuffer_count,
    count(*) FILTER (WHERE has_failure)::float8 / count(*) AS failure_rate
FROM sessions
