-- purpose: the events as they arrived, copies too, as CSV for the table in create_events.sql
-- grain: one event as it arrived
-- parameters: path String: the file
-- reads: bench_sent
INSERT INTO FUNCTION file({path:String}, 'CSV')
SELECT
    stream_id,
    client_id,
    fromUnixTimestamp64Milli(ts, 'UTC') AS ts,
    fromUnixTimestamp64Milli(received_ms, 'UTC') AS received_at,
    ['play', 'playing', 'pause', 'rebuffer_start', 'rebuffer_end', 'seek_start', 'seek_end', 'heartbeat',
        'quality_change', 'visibility', 'error', 'ended', 'quit'][type] AS type,
    position_ms,
    nullIf(bitrate_kbps, 0) AS bitrate_kbps,
    nullIf(width, 0) AS width,
    nullIf(height, 0) AS height,
    nullIf(player_width, 0) AS player_width,
    nullIf(player_height, 0) AS player_height,
    dropped_frames,
    if(visible = 0, NULL, visible = 2) AS visible,
    muted,
    nullIf(error_code, '') AS error_code,
    nullIf(error_message, '') AS error_message,
    is_error_fatal,
    is_error_business,
    nullIf(provider, '') AS provider,
    nullIf(player_name, '') AS player_name,
    nullIf(player_version, '') AS player_version,
    nullIf(content_title, '') AS content_title,
    nullIf(content_duration_ms, 0) AS content_duration_ms,
    content_is_live,
    nullIf(page_url, '') AS page_url,
    nullIf(timezone, '') AS timezone,
    nullIf(country, '') AS country,
    nullIf(device, '') AS device,
    nullIf(os, '') AS os,
    nullIf(browser, '') AS browser
FROM bench_sent
ORDER BY received_ms, stream_id, client_id, seq
SETTINGS format_csv_null_representation = '', engine_file_truncate_on_insert = 1
