-- purpose: settle which of the listed sessions the next run of the fold takes on: a batch of at most max_rows inserted
--   rows
-- parameters: batch_id UUID, max_rows UInt64; watermark_ns UInt64: asked just before; listed_id, after_session_id UUID,
--   after_stream_id String: as stale_sessions has them
-- reads: stale_sessions; writes: refold_scope
INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows, was_first_day, was_last_day, version)
SELECT
    {batch_id:UUID}, session_id, stream_id, session_days, session_rows, was_first_day, was_last_day,
    {watermark_ns:UInt64}
FROM stale_sessions(
    touched_since = '2100-01-01', touched_before = '2100-01-01', listed_id = {listed_id:UUID},
    after_session_id = {after_session_id:UUID}, after_stream_id = {after_stream_id:String}
)
WHERE rows_so_far <= {max_rows:UInt64} OR rows_so_far = session_rows
