-- purpose: spread each batch to its events; the views on playback_events follow in the same insert, after its rows
-- version, event_day, position_lag_ms and dropped_frames_plus_1 are worked out as playback_events does by itself.
-- reads: event_batches (the inserted block)
CREATE MATERIALIZED VIEW IF NOT EXISTS event_batches_writer TO playback_events AS
SELECT
    stream_id,
    session_id,
    client_id,
    event.ts AS ts,
    event.seq AS seq,
    event.type AS type,
    bitNot(bitOr(
        bitShiftLeft(toUInt64(ifNull(sent_offset_ms + 86400000, 268435455)), 32),
        toUInt64(greatest(least(received_ms - event.ts - ifNull(sent_offset_ms, 0) + 86400000, 4294967295), 0))
    )) AS version,
    toDate(intDiv(event.ts + ifNull(sent_offset_ms, 0), 86400000)) AS event_day,
    event.ts - event.position_ms AS position_lag_ms,
    event.bitrate_kbps AS bitrate_kbps,
    event.width AS width,
    event.height AS height,
    event.player_width AS player_width,
    event.player_height AS player_height,
    ifNull(event.dropped_frames + 1, 0) AS dropped_frames_plus_1,
    toInt8(ifNull(event.visible + 1, 0)) AS visible,
    event.muted AS muted,
    event.playback_rate AS playback_rate,
    event.error.code AS error_code,
    event.error.message AS error_message,
    event.error.fatal AS is_error_fatal,
    event.error.business AS is_error_business,
    provider,
    player_name,
    player_version,
    content_title,
    content_duration_ms,
    content_is_live,
    page_url,
    timezone,
    country,
    device,
    os,
    browser
FROM event_batches
ARRAY JOIN events AS event;
