-- purpose: sessions with inserts that their row in `sessions` has not seen
-- grain: one session (session_id, stream_id); rows_so_far: inserted rows up to and with this session, to cut batches
-- parameters: touched_since DateTime64(3): sessions not touched since then are taken to be settled
--   after_session_id UUID, after_stream_id String: only sessions that come after this one, so that a round of batches
--   ends although sessions it has been at become stale again
-- reads: session_index, sessions
CREATE OR REPLACE VIEW stale_sessions AS
WITH touched AS (
    SELECT session_id, stream_id
    FROM session_index
    WHERE touched_week >= toMonday(toDate({touched_since:DateTime64(3, 'UTC')}))
        AND touched_at >= {touched_since:DateTime64(3, 'UTC')}
)
SELECT
    session_id,
    stream_id,
    groupUniqArrayArray(days) AS session_days,
    sum(inserted_rows) AS session_rows,
    sum(session_rows) OVER (ORDER BY session_id, stream_id ROWS UNBOUNDED PRECEDING) AS rows_so_far
FROM session_index
WHERE (session_id, stream_id) IN (SELECT session_id, stream_id FROM touched)
    AND (session_id, stream_id) > ({after_session_id:UUID}, {after_stream_id:String})
GROUP BY session_id, stream_id
HAVING (stream_id, session_id, session_rows) NOT IN (
    SELECT stream_id, session_id, folded_rows
    FROM sessions
    WHERE (stream_id, session_id) IN (SELECT stream_id, session_id FROM touched)
);
