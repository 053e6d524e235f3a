-- purpose: feed arrivals from every insert
-- reads: playback_events (the inserted block)
CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_writer TO arrivals AS
SELECT
    now64(9, 'UTC') AS stamped_at,
    stream_id,
    session_id,
    ts,
    seq,
    type,
    version,
    bitrate_kbps,
    width,
    height,
    player_width,
    player_height,
    visible,
    error_code,
    is_error_fatal,
    is_error_business,
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
FROM playback_events;
