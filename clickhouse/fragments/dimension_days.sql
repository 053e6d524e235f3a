-- purpose: the days of one dimension, one value of it or all, from the mart
-- period: 0 for the days from split_day on, 1 for those before it
-- parameters: dimension, value String ('' for all values); split_day Date; and those of covered_days
-- reads: dimension_daily
SELECT value, every_sum, startup_state, viewers, viewer_hashes, stream_hashes, toUInt8(day < {split_day:Date}) AS period
FROM dimension_daily FINAL
WHERE dimension = {dimension:String} AND ({value:String} = '' OR value = {value:String}) AND covered_days
SETTINGS use_uncompressed_cache = 1
