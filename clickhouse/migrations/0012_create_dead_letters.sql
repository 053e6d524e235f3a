-- purpose: events that were refused, with the reason, for whoever debugs a player; bounded by the service
-- grain: one refused event
CREATE TABLE IF NOT EXISTS dead_letters
(
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
    protocol LowCardinality(String),
    stream_id String CODEC(ZSTD(3)),
    reason LowCardinality(String),
    message String CODEC(ZSTD(3)),
    payload String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY (received_at, protocol, reason)
TTL toDateTime(received_at) + INTERVAL 7 DAY;
