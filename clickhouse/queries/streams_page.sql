-- purpose: which streams are on a page of the table that is sorted by a plain sum, at a fifth of what the table costs
-- grain: one stream that had a session in the range
-- parameters: what the source takes; sort String: one of those below, is_descending Bool; limit, offset UInt64
-- reads: sums_source: stream_days
SELECT
    m.value AS stream_id,
    count() OVER () AS total
FROM (
    SELECT
        s.value AS value,
        -- One if for each, since those are settled before anything is read.
        toInt64(sum(
            if({sort:String} = 'sessions', s.sessions,
            if({sort:String} = 'attempts', s.attempts,
            if({sort:String} = 'plays', s.plays,
            if({sort:String} = 'playing_hidden_time_s', s.total_playing_hidden_ms, s.total_playing_ms))))
        )) AS sorted_sum
    FROM sums_source AS s
    GROUP BY s.value
    HAVING sum(s.facts) > 0
) AS m
ORDER BY if({is_descending:Bool}, -m.sorted_sum, m.sorted_sum), m.value
LIMIT {limit:UInt64} OFFSET {offset:UInt64}
