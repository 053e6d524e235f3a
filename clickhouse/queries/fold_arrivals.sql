-- purpose: go on with the sessions that events arrived for, from where their rows end
-- parameters: arrived_after, arrived_until Int64; slice, slices UInt64; max_events UInt64: as session_fold has them
-- reads: session_fold; writes: sessions
-- Marts take it that a row is there within a minute of its version (mart_builds); a watermark is half of that at most.
INSERT INTO sessions
SELECT * FROM session_fold(
    batch_id = '00000000-0000-0000-0000-000000000000', max_events = {max_events:UInt64},
    arrived_after = {arrived_after:Int64}, arrived_until = {arrived_until:Int64},
    slice = {slice:UInt64}, slices = {slices:UInt64}
)
SETTINGS max_execution_time = 25
