-- purpose: on which day the viewers of a day were last seen before, as built and by the sessions of all days
-- parameters: day Date; first_day Date: days before it may be gone from the one side and not yet from the other
-- reads: viewers_daily, sessions, streams
SELECT is_built, key, arraySort(groupArray((seen_day, seen_viewers))) AS seen
FROM (
    SELECT
        TRUE AS is_built,
        concat(
            dimension,
            '=',
            if(dimension IN ('stream_country', 'stream_device', 'stream_provider'), replaceOne(value, '\n', ' '), value)
        ) AS key,
        if(previous_day < {first_day:Date}, toDate(0), previous_day) AS seen_day,
        sum(viewers) AS seen_viewers
    FROM viewers_daily FINAL
    ARRAY JOIN previous_days AS previous_day, previous_viewers AS viewers
    WHERE day = {day:Date}
    GROUP BY key, seen_day
    UNION ALL
    SELECT
        FALSE AS is_built,
        key,
        if(last_seen_day < {first_day:Date}, toDate(0), last_seen_day) AS seen_day,
        count() AS seen_viewers
    FROM (
        SELECT key, organizer_id, client_id, maxIf(started_day, started_day < {day:Date}) AS last_seen_day
        FROM (
            SELECT
                r.organizer_id AS organizer_id,
                s.client_id AS client_id,
                toDate(s.started_at) AS started_day,
                if(s.country = '', 'unknown', s.country) AS country,
                if(s.provider = '', 'unknown', s.provider) AS provider,
                arrayJoin(arrayConcat(
                    [
                        '=',
                        concat('stream_id=', s.stream_id),
                        concat('country=', country),
                        concat('device=', s.device),
                        concat('os=', if(s.os = '', 'unknown', s.os)),
                        concat('browser=', if(s.browser = '', 'unknown', s.browser)),
                        concat('player=', if(s.player_name = '', 'unknown', s.player_name)),
                        concat('provider=', provider),
                        concat('stream_country=', country, ' ', s.stream_id),
                        concat('stream_device=', s.device, ' ', s.stream_id),
                        concat('stream_provider=', provider, ' ', s.stream_id)
                    ],
                    if(r.organizer_id = '', [], [concat('organizer_id=', r.organizer_id)]),
                    arrayMap(code -> concat('error_code=', code), s.error_codes)
                )) AS key
            FROM sessions AS s FINAL
            LEFT ANY JOIN (SELECT stream_id, organizer_id FROM streams FINAL) AS r ON r.stream_id = s.stream_id
            WHERE toDate(s.started_at) <= {day:Date}
                AND s.is_attempt
                AND NOT s.is_bot
                AND s.client_id GLOBAL IN (SELECT client_id FROM sessions WHERE toDate(started_at) = {day:Date})
        )
        GROUP BY key, organizer_id, client_id
        HAVING max(started_day) = {day:Date}
    )
    GROUP BY key, seen_day
)
GROUP BY is_built, key
