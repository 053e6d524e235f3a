-- purpose: list the sessions with inserts that their rows have not seen, for a refold of the whole: once, so that the
--   refold ends although others, with greater ids, become stale meanwhile
-- parameters: listed_id UUID: the batch of refold_scope to list them under
--   touched_since, touched_before DateTime64(3): as stale_sessions has them
-- reads: stale_sessions; writes: refold_scope
INSERT INTO refold_scope (batch_id, session_id, stream_id)
SELECT {listed_id:UUID}, session_id, stream_id
FROM stale_sessions(
    touched_since = {touched_since:DateTime64(3, 'UTC')}, touched_before = {touched_before:DateTime64(3, 'UTC')},
    listed_id = '00000000-0000-0000-0000-000000000000', after_session_id = '00000000-0000-0000-0000-000000000000',
    after_stream_id = ''
)
