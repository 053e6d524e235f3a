-- purpose: days of one value of a dimension as points in time
-- parameters: dimension, value String, and those of covered_days
-- reads: dimension_daily
SELECT
    toUnixTimestamp64Milli(toDateTime64(day, 3, 'UTC')) AS bucket_ms,
    every_sum,
    viewers,
    finalizeAggregation(startup_state) AS startup_quantiles_ms
FROM dimension_daily FINAL
WHERE dimension = {dimension:String} AND value = {value:String} AND covered_days
SETTINGS use_uncompressed_cache = 1
