-- purpose: of the sessions put aside, those that have got no events meanwhile: their rows are wrong
-- grain: one row; examples: stream_id/session_id of at most 10
-- parameters: batch_id UUID: as they were settled; suspects_id UUID: those put aside
-- reads: refold_scope, session_index
SELECT
    count() AS differing,
    groupArraySorted(10)(concat(b.stream_id, '/', toString(b.session_id))) AS examples
FROM refold_scope AS b
LEFT JOIN (
    SELECT session_id, stream_id, sum(inserted_rows) AS rows_now
    FROM session_index
    WHERE (session_id, stream_id) IN (
        SELECT session_id, stream_id FROM refold_scope WHERE batch_id = {suspects_id:UUID}
    )
    GROUP BY session_id, stream_id
) AS i ON i.session_id = b.session_id AND i.stream_id = b.stream_id
WHERE b.batch_id = {batch_id:UUID}
    AND (b.session_id, b.stream_id) IN (
        SELECT session_id, stream_id FROM refold_scope WHERE batch_id = {suspects_id:UUID}
    )
    AND b.inserted_rows = i.rows_now
