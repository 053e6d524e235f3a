-- purpose: how much a round of the refresh has to go on with
-- grain: one row
-- parameters: arrived_after, arrived_until Int64: stamps in ns: in (arrived_after, arrived_until]
-- reads: arrivals
SELECT count() AS events, uniqExact(session_id, stream_id) AS sessions
FROM arrivals
WHERE stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')
    AND stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')
