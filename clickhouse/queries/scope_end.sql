-- purpose: the last session of a batch, after which the next batch begins
-- grain: one row, or none for an empty batch; sessions: how many the batch holds
-- parameters: batch_id UUID
-- reads: refold_scope
SELECT
    count() OVER () AS sessions,
    toString(session_id) AS session_id,
    stream_id
FROM refold_scope
WHERE batch_id = {batch_id:UUID}
ORDER BY refold_scope.session_id DESC, stream_id DESC
LIMIT 1
