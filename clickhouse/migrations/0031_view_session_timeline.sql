-- purpose: one session's events in their order, with the state after each; the only answer that reads the events
-- grain: one distinct event of the session, of the first max_events
-- parameters: stream_id String, session_id UUID, max_events UInt64
-- reads: playback_events, the days of the session; session_index
-- The rules are in docs/metrics.md and are those of session_fold, here row by row; a property test compares the two.
-- States: 0 idle, 1 starting, 2 playing, 3 paused, 4 rebuffering, 5 seeking, 7 failed, 8 ended.
-- until_next_ms: NULL for the last event. is_gap: what follows is too long to belong to a state.
CREATE OR REPLACE VIEW session_timeline AS
WITH
    60000 AS max_gap_ms,
    ordered AS (
        SELECT
            * EXCEPT (type, visible, position_ms, dropped_frames),
            position_ms,
            dropped_frames,
            type AS event_type,
            visible AS visible_sent,
            toInt8(type) AS kind,
            toUnixTimestamp64Milli(received_at) AS received_ms,
            ifNull(min(offset_ms) OVER (), 0) AS skew_ms
        FROM playback_events FINAL
        WHERE (intDiv(ts, 86400000), session_id, stream_id) IN (
            SELECT arrayJoin(days), session_id, stream_id
            FROM session_index
            WHERE session_id = {session_id:UUID} AND stream_id = {stream_id:String}
        )
        ORDER BY ts, seq, kind
        LIMIT {max_events:UInt64}
    ),
    -- set_state: the state that an event sets whatever was before; base: the one set last, which other events refine.
    based AS (
        SELECT
            *,
            multiIf(
                kind = 2, 2, kind = 3, 3, kind = 11 AND is_error_fatal, 7, kind IN (12, 13), 8, NULL
            ) AS set_state,
            ifNull(anyLast(set_state) OVER so_far, 0) AS base,
            anyLast(multiIf(isNotNull(set_state), 0, kind IN (6, 7), kind, NULL)) OVER so_far AS last_seek,
            ifNull(last_seek = 6, FALSE) AND base IN (2, 3) AS is_seeking,
            max(kind = 2) OVER so_far AS has_first_frame,
            leadInFrame(toNullable(ts)) OVER (
                ORDER BY ts, seq, kind ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ) - ts AS until_next_ms
        FROM ordered
        WINDOW so_far AS (ORDER BY ts, seq, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    sought AS (
        SELECT
            *,
            lagInFrame(is_seeking, 1, FALSE) OVER (
                ORDER BY ts, seq, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS was_seeking
        FROM based
    ),
    -- A play counts until the next event that sets a state. Within a seek nothing rebuffers, and its end is the end of
    -- the rebuffering before it.
    refined AS (
        SELECT
            *,
            ifNull(anyLast(multiIf(
                isNotNull(set_state), 0,
                kind = 1 AND NOT was_seeking AND (base IN (0, 7, 8) OR base = 3 AND NOT has_first_frame), 1,
                NULL
            )) OVER so_far, 0) AS is_starting,
            ifNull(anyLast(multiIf(
                isNotNull(set_state), 0,
                kind = 4 AND NOT was_seeking, 1,
                kind = 5 AND NOT was_seeking OR kind = 7 AND was_seeking, 0,
                NULL
            )) OVER so_far, 0) AS is_rebuffering
        FROM sought
        WINDOW so_far AS (ORDER BY ts, seq, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
SELECT
    ts + skew_ms AS at,
    ts,
    seq,
    event_type AS type,
    transform(
        multiIf(is_starting = 1, 1, is_seeking, 5, base = 2 AND is_rebuffering = 1, 4, base),
        [0, 1, 2, 3, 4, 5, 7, 8],
        ['idle', 'starting', 'playing', 'paused', 'rebuffering', 'seeking', 'failed', 'ended'],
        ''
    ) AS state,
    until_next_ms,
    toBool(ifNull(until_next_ms > max_gap_ms, FALSE)) AS is_gap,
    received_ms AS received_at,
    position_ms,
    nullIf(bitrate_kbps, 0) AS bitrate_kbps,
    nullIf(width, 0) AS width,
    nullIf(height, 0) AS height,
    nullIf(player_width, 0) AS player_width,
    nullIf(player_height, 0) AS player_height,
    dropped_frames,
    if(visible_sent = 'unknown', NULL, toBool(visible_sent = 'visible')) AS visible,
    muted,
    playback_rate,
    error_code,
    error_message,
    is_error_fatal,
    is_error_business
FROM refined
ORDER BY ts, seq, kind;
