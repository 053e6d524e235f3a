-- purpose: what it takes to go on folding a session where its row ends; of use to nobody but session_fold
-- state, bit by bit: 0 the accumulator is there; 1 and 2 the base (1 playing, 2 paused); 3 seeking; 4 starting;
--   5 rebuffering began; 6 and 7 the last `visible`; 8 an offset is known; 9 the session has begun; 10 play was seen;
--   11 the startup is void
-- seq: of the last event. kbps, width, height, player_width, player_height: last sent. first_play_ms: from the first
-- event to the first play, while the first frame is awaited. open_rebuffer_ms: how long the run of rebuffering is that
-- the last event is in. upscale_nanos_ms: playing time weighted by upscaling in billionths, exact however it is split.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS accumulator Tuple(  -- noqa: CP01
    state UInt16, seq UInt64, kbps UInt32, width UInt32, height UInt32, player_width UInt32, player_height UInt32,
    first_play_ms UInt64, open_rebuffer_ms UInt64, upscale_nanos_ms UInt128
) CODEC(ZSTD(3));
