-- purpose: the days of one dimension, one value of it or all, from the mart
-- parameters: dimension, value String ('' for all values), and those of covered_days
-- reads: dimension_daily
SELECT value, every_sum, startup_state, viewers, viewer_hashes, stream_hashes, day
FROM dimension_daily FINAL
WHERE dimension = {dimension:String} AND ({value:String} = '' OR value = {value:String}) AND covered_days
