-- purpose: admin keys, by the hash of the key; organizer_id '' is an admin of the platform
-- grain: one key; the greatest version counts
CREATE TABLE IF NOT EXISTS api_keys
(
    key_id UUID,
    key_sha256 String,
    name String,
    organizer_id String,
    created_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    version UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY key_id;
