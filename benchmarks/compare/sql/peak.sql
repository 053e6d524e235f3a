-- purpose: viewers at once, as the number of those of whom anything was heard within a minute
-- grain: one minute; begins without sessions.sql, which it does not need
SELECT max(viewers) AS peak_concurrent
FROM (
    SELECT count(DISTINCT (client_id, stream_id)) AS viewers
    FROM events
    WHERE ts >= :'from_at' AND ts < :'to_at' AND device IS DISTINCT FROM 'bot'
    GROUP BY date_trunc('minute', ts)
) AS minutes
