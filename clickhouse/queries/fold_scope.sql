-- purpose: work out the sessions of a batch from their events
-- parameters: batch_id UUID, max_events UInt64
-- reads: session_fold; writes: sessions
INSERT INTO sessions
SELECT * FROM session_fold(batch_id = {batch_id:UUID}, max_events = {max_events:UInt64})
