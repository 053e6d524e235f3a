-- purpose: where each session lies in time and whether it changed, without reading its events
-- grain: one session (session_id, stream_id), once the parts of it are aggregated; all columns are order-free
-- days: the days of ts to read for a refold. inserted_rows: rises with every insert, copies included; it says
-- only that something changed and feeds no metric. first_client: of the first event's copy that counts.
CREATE TABLE IF NOT EXISTS session_index
(
    session_id UUID,
    stream_id LowCardinality(String),
    touched_week Date,
    first_ts SimpleAggregateFunction(min, Int64),
    last_ts SimpleAggregateFunction(max, Int64),
    days SimpleAggregateFunction(groupUniqArrayArray, Array(Int32)),
    first_client AggregateFunction(argMin, String, Tuple(Int64, UInt64, Int8, UInt64)),
    inserted_rows SimpleAggregateFunction(sum, UInt64),
    touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY touched_week
ORDER BY (session_id, stream_id)
TTL touched_week + INTERVAL 400 DAY
SETTINGS index_granularity = 512, ttl_only_drop_parts = 1;
