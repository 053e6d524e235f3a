-- purpose: the registry: which organizer owns a stream, its title and where it plays; written by admins only
-- grain: one stream; the greatest version counts
-- providers: a JSON array of {provider, ref} as the admin API takes it
CREATE TABLE IF NOT EXISTS streams
(
    stream_id String,
    title String,
    organizer_id LowCardinality(String),
    is_live Bool,
    providers String,
    version UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY stream_id;
