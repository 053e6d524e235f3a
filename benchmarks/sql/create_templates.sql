-- purpose: sessions to make a history from, as ingest would store them; dropped when the history is made
-- grain: one row that was written for one template, so an event of a batch that came twice is there twice
CREATE TABLE bench_templates
(
    number UInt32,
    started_ts Int64,
    stream_id LowCardinality(String),
    session_id String,
    client_id String,
    ts Int64,
    seq UInt64,
    type Int8,
    received_ms Int64,
    sent_offset_ms Nullable(Int32),
    position_ms Nullable(UInt64),
    bitrate_kbps UInt32,
    width UInt32,
    height UInt32,
    player_width UInt32,
    player_height UInt32,
    dropped_frames Nullable(UInt32),
    visible Int8,
    muted Nullable(Bool),
    playback_rate Nullable(Float32),
    error_code LowCardinality(String),
    error_message String,
    is_error_fatal Bool,
    is_error_business Bool,
    provider LowCardinality(String),
    player_name LowCardinality(String),
    player_version LowCardinality(String),
    content_title String,
    content_duration_ms UInt64,
    content_is_live Nullable(Bool),
    page_url String,
    timezone LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY number
