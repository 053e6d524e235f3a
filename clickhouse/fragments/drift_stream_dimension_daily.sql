-- purpose: streams of a day by the values of a dimension, as built and as worked out
-- parameters: day Date, and those of fresh_sums
-- reads: stream_dimension_daily, metric_sums
SELECT
    TRUE AS is_built, concat(dimension, '=', value, ' ', stream_id) AS key, every_sum,
    startups_ms, CAST(first_provider, 'String') AS provider, first_provider_ms
FROM stream_dimension_daily FINAL
WHERE day = {day:Date} AND facts > 0
UNION ALL
SELECT
    FALSE AS is_built, concat(replaceOne(dimension, 'stream_', ''), '=', replaceOne(value, '\n', ' ')) AS key,
    every_sum,
    startups_ms, CAST(first_provider, 'String') AS provider, first_provider_key.1 AS first_provider_ms
FROM fresh_sums
