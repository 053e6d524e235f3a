-- purpose: hours of one value of a dimension as points in time
-- parameters: dimension, value String, and those of covered_days
-- reads: dimension_hourly
SELECT hour_ms AS bucket_ms, every_sum, viewers, startup_quantiles_ms
FROM dimension_hourly FINAL
WHERE dimension = {dimension:String} AND value = {value:String} AND covered_days
    -- The day is not in the key, so that it alone would not tell which granules to read.
    AND hour_ms >= toInt64({from_day:Date}) * 86400000 AND hour_ms < toInt64({to_day:Date}) * 86400000
-- All versions of an hour are in one partition. Only with this are those of other months left out.
SETTINGS do_not_merge_across_partitions_select_final = 1, use_uncompressed_cache = 1
