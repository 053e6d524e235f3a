-- purpose: hours of one value of a dimension as points in time
-- parameters: dimension, value String, and those of covered_days
-- reads: dimension_hourly
SELECT hour_ms AS bucket_ms, every_sum, viewers, startup_quantiles_ms
FROM dimension_hourly FINAL
WHERE dimension = {dimension:String} AND value = {value:String} AND covered_days
