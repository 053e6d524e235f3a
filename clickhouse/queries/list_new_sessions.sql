-- purpose: list the sessions that events arrived for and that have no row yet, to be worked out whole
-- parameters: listed_id UUID: the batch of refold_scope to list them under
--   arrived_after, arrived_until Int64: stamps in ns of the arrivals that are being gone on with
-- reads: arrivals, sessions; writes: refold_scope
INSERT INTO refold_scope (batch_id, session_id, stream_id)
WITH arrived AS (
    SELECT DISTINCT stream_id, session_id
    FROM arrivals
    WHERE stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')
        AND stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')
)
SELECT {listed_id:UUID}, session_id, stream_id
FROM arrived
WHERE (stream_id, session_id) NOT IN (
    SELECT stream_id, session_id
    FROM sessions
    WHERE last_week >= toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7
        AND (stream_id, session_id) IN (SELECT stream_id, session_id FROM arrived)
)
