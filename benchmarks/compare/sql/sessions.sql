-- purpose: sessions found by time, as such systems do it; begins every question
-- grain: one visit of one client to one stream, ended by 30 minutes without an event
-- parameters: from_at, to_at timestamptz: events of [from, to)
-- A heartbeat vouches for ten seconds watched.
WITH marked AS (
    SELECT
        *,
        ts - lag(ts) OVER visit > interval '30 minutes' IS NOT FALSE AS is_first
    FROM events
    WHERE ts >= :'from_at' AND ts < :'to_at' AND device IS DISTINCT FROM 'bot'
    WINDOW visit AS (PARTITION BY client_id, stream_id ORDER BY ts)
),
numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_first) OVER (PARTITION BY client_id, stream_id ORDER BY ts) AS number
    FROM marked
),
sessions AS (
    SELECT
        stream_id,
        client_id,
        min(ts) AS started_at,
        max(ts) AS ended_at,
        10 * count(*) FILTER (WHERE type = 'heartbeat') AS playing_s,
        min(ts) FILTER (WHERE type = 'playing') - min(ts) FILTER (WHERE type = 'play') AS startup,
        count(*) FILTER (WHERE type = 'playing') > 0 AS is_play,
        count(*) FILTER (WHERE type = 'rebuffer_start') AS rebuffers,
        count(*) FILTER (WHERE is_error_fatal) > 0 AS has_failure
    FROM numbered
    GROUP BY stream_id, client_id, number
)
