-- purpose: distinct viewers and streams by the values of a dimension, where marts do not keep who they were
-- grain: one value and period that has a session in view; period 0: [from_a, to_a), 1: [from_b, to_b)
-- parameters: by String: '' (all, value '') | stream_id | country | device | os | browser | player | provider
--     | error_code
--   from_a, to_a, from_b, to_b Int64: in ms, the one period right after the other; 0, 0: no second one
--   stream_id, organizer_id, provider, country, device String: filters, '' for none; include_bots Bool
-- reads: sessions, streams
-- Viewers and streams are those of metric_sums, which works out all else too and so is many times as dear. Of a session
-- the newest row counts, as there; which others there are is asked of the same state of the table, on each shard.
-- Spans are long, and only sessions that began before a period need them: to tell whether their streams count.
SELECT
    if({by:String} != '' AND t.named = '', 'unknown', t.named) AS value,
    t.period AS period,
    uniqExactIf(sipHash64(r.organizer_id, t.client_id), t.is_begun AND t.is_attempt) AS viewers,
    uniqExact(t.stream_id) AS streams
FROM (
    SELECT
        s.stream_id AS stream_id,
        s.client_id AS client_id,
        s.is_attempt AS is_attempt,
        s.is_begun AS is_begun,
        s.in_period AS period,
        -- One if for each, since those are settled before anything is read, and a multiIf would have all columns read.
        arrayJoin(if({by:String} = 'error_code', CAST(s.error_codes, 'Array(String)'), [
            if({by:String} = 'stream_id', s.stream_id,
            if({by:String} = 'country', s.country,
            if({by:String} = 'device', s.device,
            if({by:String} = 'os', s.os,
            if({by:String} = 'browser', s.browser,
            if({by:String} = 'player', s.player_name,
            if({by:String} = 'provider', s.provider, '')))))))
        ])) AS named
    FROM (
        SELECT reach_columns, TRUE AS is_begun, toUInt8(started_ms < {from_a:Int64}) AS in_period
        FROM sessions
        WHERE begun_weeks
            AND (sipHash64(stream_id), session_id, version) NOT IN (older_rows)
        SETTINGS enable_shared_storage_snapshot_in_query = 1, distributed_product_mode = 'local'
        UNION ALL
        SELECT reach_columns, FALSE AS is_begun, toUInt8(period) AS in_period
        FROM (
            SELECT *
            FROM sessions
            WHERE border_weeks AND (stream_id, session_id) IN (
                SELECT over_border.stream_id, over_border.session_id
                FROM sessions AS over_border
                WHERE border_weeks AND (
                    toUnixTimestamp64Milli(started_at) < {from_a:Int64}
                    AND toUnixTimestamp64Milli(last_at) >= {from_a:Int64}
                    OR toUnixTimestamp64Milli(started_at) < {from_b:Int64}
                    AND toUnixTimestamp64Milli(last_at) >= {from_b:Int64}
                )
            )
            ORDER BY version DESC
            LIMIT 1 BY stream_id, session_id
        )
        ARRAY JOIN if({to_b:Int64} = 0, [0], [0, 1]) AS period
        WHERE arrayExists(
            (a, b) -> greatest(a, if(period = 0, {from_a:Int64}, {from_b:Int64}))
            < least(b, if(period = 0, {to_a:Int64}, {to_b:Int64})),
            span_starts_ms,
            span_ends_ms
        )
        AND toUnixTimestamp64Milli(started_at) < if(period = 0, {from_a:Int64}, {from_b:Int64})
    ) AS s
    WHERE (
        NOT s.is_begun
        OR s.started_ms < {to_a:Int64} AND s.started_ms >= if({to_b:Int64} = 0, {from_a:Int64}, {from_b:Int64})
    )
    AND ({include_bots:Bool} OR NOT s.is_bot)
    AND ({stream_id:String} = '' OR s.stream_id = {stream_id:String})
    AND ({provider:String} = '' OR if(s.provider = '', 'unknown', s.provider) = {provider:String})
    AND ({country:String} = '' OR if(s.country = '', 'unknown', s.country) = {country:String})
    AND ({device:String} = '' OR s.device = {device:String})
) AS t
LEFT ANY JOIN (SELECT stream_id, organizer_id FROM streams FINAL) AS r ON r.stream_id = t.stream_id
WHERE {organizer_id:String} = '' OR r.organizer_id = {organizer_id:String}
GROUP BY value, period
