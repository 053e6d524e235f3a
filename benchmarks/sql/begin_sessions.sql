-- purpose: what sessions under way have told so far: an event each spacing_ms, from play on, up to the instant now_ms
-- grain: one row of playback_events
-- parameters: sessions UInt64; now_ms, spacing_ms, longest_ms Int64: their ages lie evenly below longest_ms
-- writes: playback_events
-- Ids are those that benchmarks/running.py gives: a UUID of version 7 of the session's begin and number.
INSERT INTO playback_events (
    stream_id, session_id, client_id, ts, seq, type, received_ms, sent_offset_ms, bitrate_kbps, width, height,
    player_width, player_height, visible, provider, player_name, country, device, os, browser, content_title, page_url
)
SETTINGS max_insert_threads = 1, max_threads = 2, min_insert_block_size_rows = 262144
SELECT
    concat('live-', toString(number % 1000)) AS stream_id,
    toUUID(concat(
        leftPad(lower(hex(bitOr(bitShiftLeft(toUInt64(began_ms), 16), 28672))), 16, '0'),
        lower(hex(bitOr(9223372036854775808, number)))
    )) AS session_id,
    concat('client-', toString(number)) AS client_id,
    began_ms + k * {spacing_ms:Int64} AS ts,
    k AS seq,
    multiIf(k = 0, 1, k = 1, 2, k % 60 = 30, 4, k % 60 = 31, 5, 8) AS type,
    {now_ms:Int64} AS received_ms,
    120 AS sent_offset_ms,
    if(k % 10 = 1, 800 + number % 5000, 0) AS bitrate_kbps,
    if(k = 1, 1280, 0) AS width,
    if(k = 1, 720, 0) AS height,
    if(k = 1, 1000 + number % 900, 0) AS player_width,
    if(k = 1, 1080, 0) AS player_height,
    if(k % 17 = 3, 2, 0) AS visible,
    'hls' AS provider,
    'hls.js' AS player_name,
    'SE' AS country,
    'desktop' AS device,
    'Linux' AS os,
    'Firefox' AS browser,
    concat('Live ', toString(number % 1000)) AS content_title,
    concat('https://example.com/live/', toString(number % 1000)) AS page_url
FROM (
    SELECT
        number,
        toInt64(number * 7919 % {longest_ms:UInt64}) AS age_ms,
        {now_ms:Int64} - age_ms AS began_ms
    FROM numbers({sessions:UInt64})
)
ARRAY JOIN range(toUInt64(1 + intDiv(age_ms, {spacing_ms:Int64}))) AS k
