-- purpose: distinct viewers and streams by the values of a dimension whose marts do not keep who they were
-- grain: one value and period that has a session in view; period 0: [from_a, to_a), 1: [from_b, to_b)
-- parameters: by String: '' (all, value '') | country | device | os | browser | player | provider | error_code
--   from_a, to_a, from_b, to_b Int64: in ms, the one period right after the other; 0, 0: no second one
--   stream_id, organizer_id, provider, country, device String: filters, '' for none; include_bots Bool
-- reads: sessions, streams
-- Viewers and streams are those of metric_sums, which works out all else too and so is many times as dear.
SELECT
    if({by:String} != '' AND t.named = '', 'unknown', t.named) AS value,
    t.period AS period,
    uniqExactIf(t.viewer, t.is_begun AND t.is_attempt) AS viewers,
    uniqExact(t.stream_id) AS streams
FROM (
    SELECT
        s.stream_id AS stream_id,
        s.is_attempt AS is_attempt,
        sipHash64(r.organizer_id, s.client_id) AS viewer,
        arrayJoin(if({by:String} = 'error_code', CAST(s.error_codes, 'Array(String)'), [
            multiIf(
                {by:String} = 'country', s.country,
                {by:String} = 'device', s.device,
                {by:String} = 'os', s.os,
                {by:String} = 'browser', s.browser,
                {by:String} = 'player', s.player_name,
                {by:String} = 'provider', s.provider,
                ''
            )
        ])) AS named,
        arrayJoin(if({to_b:Int64} = 0, [0], [0, 1])) AS period,
        if(period = 0, {from_a:Int64}, {from_b:Int64}) AS from_ms,
        if(period = 0, {to_a:Int64}, {to_b:Int64}) AS to_ms,
        toUnixTimestamp64Milli(s.started_at) >= from_ms AND toUnixTimestamp64Milli(s.started_at) < to_ms AS is_begun,
        arrayExists(
            (a, b) -> greatest(a, from_ms) < least(b, to_ms), s.span_starts_ms, s.span_ends_ms
        ) AS is_active
    FROM sessions AS s FINAL
    LEFT ANY JOIN (SELECT stream_id, organizer_id FROM streams FINAL) AS r ON r.stream_id = s.stream_id
    WHERE s.start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)
        -- Weeks are compared two days wider than asked: no newer version of a row that matters lies outside.
        AND s.last_week >= toMonday(toDate(fromUnixTimestamp64Milli(
            if({to_b:Int64} = 0, {from_a:Int64}, {from_b:Int64}), 'UTC'
        )) - 2)
        AND s.started_at < fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')
        AND s.last_at >= fromUnixTimestamp64Milli(if({to_b:Int64} = 0, {from_a:Int64}, {from_b:Int64}), 'UTC')
        AND ({include_bots:Bool} OR NOT s.is_bot)
        AND ({stream_id:String} = '' OR s.stream_id = {stream_id:String})
        AND ({organizer_id:String} = '' OR r.organizer_id = {organizer_id:String})
        AND ({provider:String} = '' OR if(s.provider = '', 'unknown', s.provider) = {provider:String})
        AND ({country:String} = '' OR if(s.country = '', 'unknown', s.country) = {country:String})
        AND ({device:String} = '' OR s.device = {device:String})
) AS t
WHERE t.is_begun OR t.is_active
GROUP BY value, period
