-- purpose: note the days of a stream's sessions as changed, before its organizer changes
-- parameters: stream_id String
-- reads: sessions; writes: changed_days
INSERT INTO changed_days
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))) AS changed_version
FROM sessions
WHERE stream_id = {stream_id:String}
GROUP BY day
