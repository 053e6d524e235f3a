-- purpose: work out the sessions of a batch whole, from their events
-- parameters: batch_id UUID, max_events UInt64
-- reads: session_fold; writes: sessions
-- The fold's steps are not worth merging, nor its conditions worth comparing: that takes longer than it saves.
-- note_changed_days has to follow.
-- Marts take it that a row is there within a minute of its version (mart_builds); a watermark is half of that at most.
INSERT INTO sessions
SELECT * FROM session_fold(
    batch_id = {batch_id:UUID}, max_events = {max_events:UInt64}, arrived_after = 0, arrived_until = 0, slice = 0,
    slices = 1
)
SETTINGS
    max_execution_time = 25, join_algorithm = 'hash', query_plan_merge_expressions = 0, optimize_and_compare_chain = 0,
    enable_shared_storage_snapshot_in_query = 1
