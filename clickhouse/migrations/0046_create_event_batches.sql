-- purpose: what ingest inserts into: a batch a row, so that what its events share is sent and read once
-- grain: one request's events of one session; nothing is kept here, event_batches_writer spreads it to playback_events
-- events: what a player sent of each, absent where it sent nothing; names and types are those of playback_events
CREATE TABLE IF NOT EXISTS event_batches
(
    stream_id LowCardinality(String),
    session_id UUID,
    client_id String,
    received_ms Int64,
    sent_offset_ms Nullable(Int32),
    provider LowCardinality(String),
    player_name LowCardinality(String),
    player_version LowCardinality(String),
    content_title LowCardinality(String),
    content_duration_ms UInt64,
    content_is_live Nullable(Bool),
    page_url LowCardinality(String),
    timezone LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    events Array(Tuple(
        type Enum8(
            'play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6,
            'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12,
            'quit' = 13, 'other' = 14
        ),
        ts Int64,
        seq UInt64,
        position_ms Nullable(UInt64),
        bitrate_kbps UInt32,
        width UInt32,
        height UInt32,
        player_width UInt32,
        player_height UInt32,
        dropped_frames Nullable(UInt32),
        visible Nullable(Bool),
        muted Nullable(Bool),
        playback_rate Nullable(Float32),
        error Tuple(
            code LowCardinality(String),
            message LowCardinality(String),
            fatal Bool,
            business Bool
        )
    ))
)
ENGINE = Null;
