-- purpose: days of one stream as points in time
-- parameters: stream_id String, and those of covered_days
-- reads: stream_daily
SELECT
    toUnixTimestamp64Milli(toDateTime64(day, 3, 'UTC')) AS bucket_ms,
    every_sum,
    viewers,
    arrayReduce('quantilesDD(0.005, 0.5, 0.95)', startups_ms) AS startup_quantiles_ms
FROM stream_daily FINAL
WHERE stream_id = {stream_id:String} AND covered_days
SETTINGS use_uncompressed_cache = 1
