-- purpose: put aside the sessions of a batch whose row is not what comes out of their events now: wrong, missing or
--   too many
-- parameters: batch_id UUID; suspects_id UUID: the batch they are put under; max_events UInt64
-- reads: sessions, session_fold, refold_scope; writes: refold_scope
-- The union gives both sides the same types, and text has a value for NULL.
INSERT INTO refold_scope (batch_id, session_id, stream_id)
SELECT {suspects_id:UUID}, session_id, stream_id
FROM (
    SELECT is_stored, session_id, stream_id, toString(tuple(* EXCEPT is_stored)) AS figures
    FROM (
        SELECT TRUE AS is_stored, * EXCEPT (version, folded_rows, changed_from, changed_to, accumulator)
        FROM sessions FINAL
        WHERE (stream_id, session_id) IN (
            SELECT stream_id, session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
        )
        UNION ALL
        SELECT FALSE AS is_stored, * EXCEPT (version, folded_rows, changed_from, changed_to, accumulator)
        FROM session_fold(
            batch_id = {batch_id:UUID}, max_events = {max_events:UInt64}, arrived_after = 0, arrived_until = 0,
            slice = 0, slices = 1
        )
    )
)
GROUP BY session_id, stream_id
HAVING count() != 2 OR countIf(is_stored) != 1 OR uniqExact(figures) != 1
