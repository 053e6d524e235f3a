-- purpose: the instant up to which every arrival surely can be seen, in ns: the database's clock, or the begin of the
--   oldest insert of events under way, whose stamps are not smaller
-- reads: system.processes
-- An insert that takes longer than half a minute is not waited for (PLAYHEAD_INSERT_TIMEOUT_S <= 30): what it brings is
-- found by its number. A running insert's age is taken a little too great, in case the clock is being slewed.
SELECT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC')) - if(
    count() = 0, 0, toInt64(1000000000 * least(max(elapsed) * 1.001 + 0.001, 30))
)) AS watermark_ns
FROM system.processes
WHERE query_kind = 'Insert'
    -- Into these: a fold, which only reads them, must not hold up the next one.
    AND match(
        query, '(?is)^\\s*(/\\*.*?\\*/\\s*)*INSERT\\s+INTO\\s+(TABLE\\s+)?[^\\s(]*(playback_events|event_batches)'
    )
