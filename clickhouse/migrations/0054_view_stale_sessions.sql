-- purpose: sessions to refold whole: those with inserts that their row in `sessions` has not seen, or those listed
-- grain: one session (session_id, stream_id); rows_so_far: inserted rows up to and with this session, to cut batches;
--   was_first_day, was_last_day: the days of its rows so far
-- parameters: touched_since DateTime64(3): sessions not touched since then are taken to be settled
--   touched_before DateTime64(3): those touched later are left to the arrivals
--   listed_id UUID: sessions under this batch of refold_scope are taken on too, whatever their row has seen; zero: none
--   after_session_id UUID, after_stream_id String: only sessions that come after this one, so that a round of batches
--   ends although sessions it has been at become stale again
-- reads: session_index, sessions, refold_scope
CREATE OR REPLACE VIEW stale_sessions AS
WITH touched AS (
    SELECT session_id, stream_id
    FROM session_index
    WHERE touched_week >= toMonday(toDate({touched_since:DateTime64(3, 'UTC')}))
        AND touched_at >= {touched_since:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT session_id, toLowCardinality(stream_id) AS stream_id
    FROM refold_scope
    WHERE batch_id = {listed_id:UUID}
)
SELECT
    i.session_id AS session_id,
    i.stream_id AS stream_id,
    i.session_days AS session_days,
    i.session_rows AS session_rows,
    s.was_first_day AS was_first_day,
    s.was_last_day AS was_last_day,
    sum(i.session_rows) OVER (ORDER BY i.session_id, i.stream_id ROWS UNBOUNDED PRECEDING) AS rows_so_far
FROM (
    SELECT
        session_id,
        stream_id,
        groupUniqArrayArray(days) AS session_days,
        sum(inserted_rows) AS session_rows
    FROM session_index
    WHERE (session_id, stream_id) IN (SELECT session_id, stream_id FROM touched)
        AND (session_id, stream_id) > ({after_session_id:UUID}, {after_stream_id:String})
    GROUP BY session_id, stream_id
    HAVING max(touched_at) < {touched_before:DateTime64(3, 'UTC')}
) AS i
LEFT JOIN (
    SELECT
        session_id,
        stream_id,
        argMax(folded_rows, version) AS seen_rows,
        min(toDate(started_at)) AS was_first_day,
        max(toDate(last_at)) AS was_last_day
    FROM sessions
    WHERE (stream_id, session_id) IN (SELECT stream_id, session_id FROM touched)
    GROUP BY session_id, stream_id
) AS s ON s.session_id = i.session_id AND s.stream_id = i.stream_id
WHERE i.session_rows != s.seen_rows OR {listed_id:UUID} != toUUID('00000000-0000-0000-0000-000000000000');
