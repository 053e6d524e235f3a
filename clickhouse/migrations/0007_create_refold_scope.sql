-- purpose: the sessions one run of the fold takes on, settled before it reads their events
-- grain: one session of one batch; rows are of no use once their batch is folded
-- A table of its own, since one statement may read the events before it reads the list of sessions: the row
-- would then claim to have seen inserts that it has not. scoped_at becomes the version of the folded rows, so
-- that a slow run never overwrites what a later one found.
CREATE TABLE IF NOT EXISTS refold_scope
(
    batch_id UUID,
    session_id UUID,
    stream_id String,
    days Array(Int32),
    inserted_rows UInt64,
    scoped_at DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_id, session_id)
TTL toDateTime(scoped_at) + INTERVAL 1 HOUR;
