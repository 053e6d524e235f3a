-- purpose: streams of a day, as built and as worked out
-- parameters: day Date, and those of fresh_sums
-- reads: stream_daily, metric_sums
SELECT
    TRUE AS is_built, CAST(stream_id, 'String') AS key, every_sum,
    startups_ms, viewers, viewer_hashes, CAST(first_provider, 'String') AS provider, first_provider_key
FROM stream_daily FINAL
WHERE day = {day:Date} AND facts > 0
UNION ALL
SELECT
    FALSE AS is_built, value AS key, every_sum,
    startups_ms, viewers, viewer_hashes, CAST(first_provider, 'String') AS provider, first_provider_key
FROM fresh_sums
