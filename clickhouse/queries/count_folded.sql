-- purpose: how many sessions a fold has written: the batch, and what went on from its rows
-- grain: one row
-- parameters: batch_id UUID; arrived_until Int64: the version, in ns, of those that went on
-- reads: sessions, refold_scope
SELECT uniqExact(stream_id, session_id) AS sessions
FROM sessions
WHERE version IN (
    SELECT toUInt64({arrived_until:Int64})
    UNION ALL
    SELECT version FROM refold_scope WHERE batch_id = {batch_id:UUID}
)
