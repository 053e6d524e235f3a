-- purpose: how many sessions of a batch have a row that is not what comes out of all their events
-- grain: one row; sessions: how many were looked at
-- parameters: batch_id UUID
-- reads: sessions, session_fold
SELECT count() AS sessions, countIf(is_different) AS different
FROM (
    SELECT count() != 2 OR uniqExact(figures) != 1 AS is_different
    FROM (
        SELECT stream_id, session_id, toString(tuple(*)) AS figures
        FROM (
            SELECT * EXCEPT (version, changed_from, changed_to) FROM sessions FINAL
            WHERE (stream_id, session_id) IN (
                SELECT stream_id, session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
            )
            UNION ALL
            SELECT * EXCEPT (version, changed_from, changed_to)
            FROM session_fold(
                batch_id = {batch_id:UUID}, max_events = 20000, arrived_after = 0, arrived_until = 0, slice = 0,
                slices = 1
            )
        )
    )
    GROUP BY stream_id, session_id
)
