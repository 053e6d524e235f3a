-- purpose: values of dimensions in the hours of a day, as built and as worked out
-- parameters: day Date, and those of fresh_sums
-- reads: dimension_hourly, metric_sums
SELECT
    TRUE AS is_built, concat(dimension, '=', value, ' ', toString(fromUnixTimestamp64Milli(hour_ms, 'UTC'))) AS key,
    every_sum, startup_quantiles_ms, viewers, streams
FROM dimension_hourly FINAL
WHERE day = {day:Date} AND facts > 0
UNION ALL
SELECT
    FALSE AS is_built, concat(dimension, '=', value, ' ', toString(fromUnixTimestamp64Milli(bucket_ms, 'UTC'))) AS key,
    every_sum, startup_quantiles_ms, viewers, streams
FROM fresh_sums
