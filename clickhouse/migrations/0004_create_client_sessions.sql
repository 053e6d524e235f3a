-- purpose: the sessions a client took part in, for batches that come without a session_id
-- grain: one (stream_id, client_id, session_id); kept a little longer than the greatest age an event may have
CREATE TABLE IF NOT EXISTS client_sessions
(
    stream_id LowCardinality(String),
    client_id String CODEC(ZSTD(3)),
    session_id UUID,
    last_touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (stream_id, client_id, session_id)
TTL toDateTime(last_touched_at) + INTERVAL 90 DAY
SETTINGS index_granularity = 512;
