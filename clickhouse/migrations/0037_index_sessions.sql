-- purpose: feed session_index from every insert, as 0003 did before playback_events was laid out anew
-- touched_at is the database's clock, so that late replays count as touched now.
-- reads: playback_events (the inserted block)
CREATE MATERIALIZED VIEW IF NOT EXISTS session_index_writer TO session_index AS
SELECT
    session_id,
    stream_id,
    toMonday(toDate(now('UTC'))) AS touched_week,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    groupUniqArray(toInt32(intDiv(ts, 86400000))) AS days,
    argMinState(client_id, tuple(ts, seq, toInt8(type), bitNot(version))) AS first_client,
    count() AS inserted_rows,
    now64(3, 'UTC') AS touched_at
FROM playback_events
GROUP BY session_id, stream_id;
