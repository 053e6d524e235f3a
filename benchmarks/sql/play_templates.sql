-- purpose: one more visit of every template: at an instant of its own, under a session id and a client of its own
-- grain: one row of playback_events
-- parameters: seed UInt64; turn UInt64: which visit of the templates it is, from 0; templates UInt64: how many there are
--   until UInt64: only templates with a smaller number; from_ms, to_ms Int64: arrivals, evenly in [from, to)
--   base_ms Int64: when the templates arrived
-- reads: bench_templates; writes: playback_events, whose columns for an EventRow stand for the word event_columns
-- Session ids are UUIDs of version 7 of the first event's ts, client ids 32 hex digits, as the simulator makes both, and
-- 15 % of the visits are by a client of another visit. All chance comes from hashes: the same seed gives the same rows.
INSERT INTO playback_events (event_columns)
SETTINGS max_insert_threads = 1, max_threads = 1, min_insert_block_size_rows = 1048576, min_insert_block_size_bytes = 0
WITH visits AS (
    SELECT
        number,
        {turn:UInt64} * {templates:UInt64} + number AS visit,
        {from_ms:Int64} - {base_ms:Int64}
        + toInt64(sipHash64({seed:UInt64}, visit, 'arrival') % toUInt64({to_ms:Int64} - {from_ms:Int64})) AS shift_ms,
        if(
            sipHash64({seed:UInt64}, visit, 'returns') % 100 < 15,
            sipHash64({seed:UInt64}, visit, 'who') % (visit + 1),
            visit
        ) AS person,
        lower(hex(sipHash128({seed:UInt64}, person, 'client'))) AS client_id,
        bitOr(
            bitShiftLeft(toUInt64(min(started_ts) + shift_ms), 16),
            bitOr(28672, bitAnd(sipHash64({seed:UInt64}, visit, 'session'), 4095))
        ) AS upper_bits,
        bitOr(
            9223372036854775808, bitAnd(sipHash64({seed:UInt64}, visit, 'bits'), 4611686018427387903)
        ) AS lower_bits,
        toUUID(concat(leftPad(hex(upper_bits), 16, '0'), hex(lower_bits))) AS session_id
    FROM bench_templates
    WHERE number < {until:UInt64}
    GROUP BY number
)
SELECT
    t.stream_id AS stream_id,
    v.session_id AS session_id,
    v.client_id AS client_id,
    t.ts + v.shift_ms AS ts,
    t.seq AS seq,
    t.type AS type,
    t.received_ms + v.shift_ms AS received_ms,
    t.* EXCEPT (number, started_ts, stream_id, session_id, client_id, ts, seq, type, received_ms)
FROM bench_templates AS t
INNER JOIN visits AS v ON v.number = t.number
