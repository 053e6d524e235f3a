-- purpose: what drift checks found: where stored figures are not those that come out when worked out anew
-- grain: one check, day and subject
-- subject: sessions | stream_daily | dimension_daily | dimension_hourly | viewers_daily
-- checked: rows compared; 0: none could be, since the mart is behind the sessions or the sessions behind their events.
-- differing: those that are wrong, missing or too many; examples: keys of at most 10 of them
CREATE TABLE IF NOT EXISTS drift_checks
(
    check_id UUID,
    checked_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    day Date,
    subject LowCardinality(String),
    checked UInt64,
    differing UInt64,
    examples Array(String)
)
ENGINE = MergeTree
ORDER BY (checked_at, check_id, day, subject)
TTL toDateTime(checked_at) + INTERVAL 400 DAY;
