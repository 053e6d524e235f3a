-- purpose: list the sessions of which not all that arrived is in their rows, though these were gone on with, for a
--   refold of the whole
-- parameters: listed_id UUID: the batch of refold_scope to list them under
--   arrived_after, arrived_until Int64: stamps in ns of the arrivals that have been gone on with
-- reads: arrivals, sessions; writes: refold_scope
INSERT INTO refold_scope (batch_id, session_id, stream_id)
WITH arrived AS (
    SELECT stream_id, session_id, max(stamped_at) AS last_stamped_at
    FROM arrivals
    WHERE stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')
        AND stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')
    GROUP BY stream_id, session_id
)
SELECT {listed_id:UUID}, a.session_id, a.stream_id
FROM arrived AS a
LEFT ANY JOIN (
    SELECT stream_id, session_id, max(version) AS folded_until_ns
    FROM sessions
    WHERE last_week >= toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7
        AND (stream_id, session_id) IN (SELECT stream_id, session_id FROM arrived)
    GROUP BY stream_id, session_id
) AS s ON s.session_id = a.session_id AND s.stream_id = a.stream_id
WHERE toUnixTimestamp64Nano(a.last_stamped_at) > s.folded_until_ns
