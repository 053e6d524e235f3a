-- purpose: what streams_page found, with all metrics but what streams_reach has
-- grain: one stream that had a session in the range
-- parameters: what the source takes, stream_ids among it
-- reads: sums_source: stream_days
SELECT
    s.value AS stream_id,
    [0, 0] AS startup_quantiles_ms,
    every_metric,
    nullIf(argMinIf(s.provider, s.first_provider_key, s.provider != ''), '') AS provider,
    nullIf(min(s.first_ms), 0) AS first_event_at,
    nullIf(max(s.last_event_ms), 0) AS last_event_at
FROM sums_source AS s
GROUP BY s.value
SETTINGS max_block_size = 16384
