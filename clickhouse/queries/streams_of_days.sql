-- purpose: distinct streams of a value of a dimension over days in a row, where its mart does not keep which they were
-- grain: one period; 0: the days from split_day on, 1: those before it
-- parameters: dimension (country, device or provider), value String; split_day Date
--   from_day, to_day Date: the days, the last one not included
-- reads: stream_dimension_daily
SELECT toUInt8(day < {split_day:Date}) AS period, uniqExact(stream_id) AS streams
FROM stream_dimension_daily FINAL
WHERE dimension = {dimension:String}
    AND value = {value:String}
    AND facts > 0
    AND day >= {from_day:Date}
    AND day < {to_day:Date}
GROUP BY period
SETTINGS use_uncompressed_cache = 1
