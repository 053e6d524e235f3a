-- purpose: settle that a batch takes on every session in one of so many parts, by a hash of its id
-- parameters: batch_id UUID; part, parts UInt64
-- reads: session_index; writes: refold_scope
INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows, version)
SELECT {batch_id:UUID}, session_id, stream_id, groupUniqArrayArray(days), sum(inserted_rows), 1
FROM session_index
WHERE sipHash64(session_id) % {parts:UInt64} = {part:UInt64}
GROUP BY session_id, stream_id
