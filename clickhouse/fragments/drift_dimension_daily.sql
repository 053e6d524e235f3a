-- purpose: values of dimensions in a day, as built and as worked out
-- parameters: day Date, and those of fresh_sums
-- reads: dimension_daily, metric_sums
-- Who the viewers and streams were is kept for the platform and for organizers.
SELECT
    TRUE AS is_built, concat(dimension, '=', value) AS key, every_sum,
    finalizeAggregation(startup_state) AS quantiles_ms, viewers, streams,
    viewer_hashes AS viewers_told, stream_hashes AS streams_told
FROM dimension_daily FINAL
WHERE day = {day:Date} AND facts > 0
UNION ALL
SELECT
    FALSE AS is_built, concat(dimension, '=', value) AS key, every_sum,
    finalizeAggregation(startup_state) AS quantiles_ms, viewers, streams,
    if(dimension IN ('', 'organizer_id'), viewer_hashes, []) AS viewers_told,
    if(dimension IN ('', 'organizer_id'), stream_hashes, []) AS streams_told
FROM fresh_sums
