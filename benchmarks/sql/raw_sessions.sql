-- purpose: sessions as one would work them out at asking time, straight from the events; begins the raw questions
-- grain: one session of one stream
-- parameters: from_ms, to_ms Int64: sessions that began in [from, to); country String: '' for all
-- reads: playback_events
-- Simple on purpose: no clock correction, no rules on what counts as an attempt; the least that such a question costs.
WITH told AS (
    SELECT
        stream_id,
        session_id,
        any(client_id) AS client_id,
        min(ts) AS started_ms,
        max(ts) AS ended_ms,
        groupArray(ts) AS any_ts,
        groupArray(toInt8(type)) AS any_types,
        arraySort(any_ts) AS event_ts,
        arraySort((kind, at) -> at, any_types, any_ts) AS types,
        max(is_error_fatal) AS has_failure
    FROM playback_events FINAL
    WHERE event_day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) - 1
        AND event_day <= toDate(fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) + 1
        AND ({country:String} = '' OR country = {country:String})
    GROUP BY stream_id, session_id
    HAVING started_ms >= {from_ms:Int64} AND started_ms < {to_ms:Int64}
),
raw_sessions AS (
    SELECT
        * EXCEPT (any_ts, any_types, event_ts, types),
        arrayFill(kind -> kind NOT IN (8, 9, 10, 14), types) AS states,
        arrayPopFront(arrayPushBack(arrayDifference(event_ts), 0)) AS interval_ms,
        arraySum((s, ms) -> if(s IN (2, 5, 7) AND ms <= 60000, ms, 0), states, interval_ms) AS playing_ms,
        arraySum((s, ms) -> if(s = 4 AND ms <= 60000, ms, 0), states, interval_ms) AS rebuffering_ms,
        countEqual(types, 4) AS rebuffers,
        has(types, 2) AS is_play,
        event_ts[indexOf(types, 2)] - started_ms AS startup_ms
    FROM told
)
