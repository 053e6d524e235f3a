-- purpose: let sessions take less room on disk; parts written before shrink as they are merged
ALTER TABLE sessions
    MODIFY COLUMN stream_id LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN session_id UUID CODEC(ZSTD(1)),
    MODIFY COLUMN client_id String CODEC(ZSTD(1)),
    MODIFY COLUMN span_starts_ms Array(Int64) CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN span_ends_ms Array(Int64) CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN provider LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN player_name LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN player_version LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN country LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN device LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN os LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN browser LowCardinality(String) CODEC(ZSTD(1)),
    MODIFY COLUMN timezone LowCardinality(String) CODEC(ZSTD(1));
