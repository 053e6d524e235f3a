-- purpose: let session_index take less room on disk; parts written before shrink as they are merged
ALTER TABLE session_index
    MODIFY COLUMN session_id UUID CODEC(ZSTD(3)),
    MODIFY COLUMN stream_id LowCardinality(String) CODEC(ZSTD(3)),
    MODIFY COLUMN touched_week Date CODEC(ZSTD(3)),
    MODIFY COLUMN first_ts SimpleAggregateFunction(min, Int64) CODEC(Delta, ZSTD(3)),  -- noqa: PRS
    MODIFY COLUMN last_ts SimpleAggregateFunction(max, Int64) CODEC(Delta, ZSTD(3)),
    MODIFY COLUMN days SimpleAggregateFunction(groupUniqArrayArray, Array(Int32)) CODEC(ZSTD(3)),
    MODIFY COLUMN first_client AggregateFunction(argMin, String, Tuple(Int64, UInt64, Int8, UInt64)) CODEC(ZSTD(3)),
    MODIFY COLUMN inserted_rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(3)),
    MODIFY COLUMN touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(3));
