-- purpose: settle which sessions of a day a drift check folds next: a slice of at most max_rows inserted rows
-- parameters: batch_id UUID; day Date; max_rows UInt64; settled_before DateTime64(3): sessions not touched since then
--   must have been folded, of the others only those that are; first_day Date: sessions of which events are older stay
--   as they are, and are not looked at; after_session_id UUID, after_stream_id String: the slices before this one
-- reads: session_index, sessions; writes: refold_scope
-- A day's sessions are those with an event on it by the client's clock, and those whose rows say that they touch it:
-- a session without a row is among them, and a row without a session.
INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows)
WITH of_day AS (
    SELECT session_id, stream_id
    FROM session_index
    WHERE touched_week >= toMonday({day:Date} - 2) AND has(days, toInt32({day:Date}))
    UNION DISTINCT
    SELECT session_id, stream_id
    FROM sessions
    WHERE start_week <= {day:Date} AND last_week >= toMonday({day:Date})
        AND toDate(started_at) <= {day:Date} AND toDate(last_at) >= {day:Date}
)
SELECT {batch_id:UUID}, session_id, stream_id, session_days, session_rows
FROM (
    SELECT
        o.session_id AS session_id,
        o.stream_id AS stream_id,
        i.session_days AS session_days,
        i.session_rows AS session_rows,
        sum(greatest(session_rows, 1)) OVER (
            ORDER BY o.session_id, o.stream_id ROWS UNBOUNDED PRECEDING
        ) AS rows_so_far
    FROM of_day AS o
    LEFT JOIN (
        SELECT
            session_id,
            stream_id,
            groupUniqArrayArray(days) AS session_days,
            sum(inserted_rows) AS session_rows,
            max(touched_at) AS last_touched_at
        FROM session_index
        WHERE (session_id, stream_id) IN (SELECT session_id, stream_id FROM of_day)
        GROUP BY session_id, stream_id
    ) AS i ON i.session_id = o.session_id AND i.stream_id = o.stream_id
    LEFT JOIN (
        SELECT session_id, stream_id, argMax(folded_rows, version) AS seen_rows
        FROM sessions
        WHERE (stream_id, session_id) IN (SELECT stream_id, session_id FROM of_day)
        GROUP BY session_id, stream_id
    ) AS s ON s.session_id = o.session_id AND s.stream_id = o.stream_id
    WHERE (o.session_id, o.stream_id) > ({after_session_id:UUID}, {after_stream_id:String})
        AND (i.session_rows = s.seen_rows OR i.last_touched_at < {settled_before:DateTime64(3, 'UTC')})
        AND (empty(i.session_days) OR arrayMin(i.session_days) >= toInt32({first_day:Date}))
)
WHERE rows_so_far <= {max_rows:UInt64} OR rows_so_far = greatest(session_rows, 1)
