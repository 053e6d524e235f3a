-- purpose: let client_sessions take less room on disk; parts written before shrink as they are merged
ALTER TABLE client_sessions
    MODIFY COLUMN stream_id LowCardinality(String) CODEC(ZSTD(3)),
    MODIFY COLUMN session_id UUID CODEC(ZSTD(3)),
    MODIFY COLUMN last_touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(3));  -- noqa: PRS
