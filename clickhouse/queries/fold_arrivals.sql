-- purpose: go on with the sessions that events arrived for, from where their rows end, and work out a batch whole
-- parameters: batch_id UUID; arrived_after, arrived_until Int64; slice, slices UInt64; max_events UInt64: as
--   session_fold has them
-- reads: session_fold; writes: sessions
-- The fold's steps are not worth merging, nor its conditions worth comparing: that takes longer than it saves.
-- note_changed_days has to follow.
-- max_threads: the refresh puts in how many it may take; 0 is as many as there are.
-- Marts take it that a row is there within a minute of its version (mart_builds); a watermark is half of that at most.
INSERT INTO sessions
SELECT * FROM session_fold(
    batch_id = {batch_id:UUID}, max_events = {max_events:UInt64},
    arrived_after = {arrived_after:Int64}, arrived_until = {arrived_until:Int64},
    slice = {slice:UInt64}, slices = {slices:UInt64}
)
SETTINGS
    max_execution_time = 25, join_algorithm = 'hash', query_plan_merge_expressions = 0, optimize_and_compare_chain = 0,
    enable_shared_storage_snapshot_in_query = 1, max_threads = 0
