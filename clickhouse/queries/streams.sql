-- purpose: the table of streams with every metric, one page of it
-- grain: one stream that had a session in the range; with include_empty every registered stream too
-- parameters: what the source takes; organizer_id, stream_id ('' for any); q (part of id or title), include_empty;
--   sort, is_descending, limit, offset
--   with_reach Bool: false leaves viewers 0 and startup times wrong, which is cheaper; streams_reach has them
-- reads: sums_source: stream_days or stream_days_and_sessions; streams
-- Blocks are small so that both halves of a mart's rows are read and added up at once.
SELECT
    if(m.value = '', r.stream_id, m.value) AS stream_id,
    if(r.stream_id = '', NULL, r.title) AS title,
    if(r.stream_id = '', NULL, r.organizer_id) AS organizer_id,
    nullIf(if(r.provider = '', m.first_seen_provider, r.provider), '') AS provider,
    m.* EXCEPT (value, first_seen_provider, first_event_at, last_event_at),
    nullIf(m.first_event_at, 0) AS first_event_at,
    nullIf(m.last_event_at, 0) AS last_event_at,
    count() OVER () AS total
FROM (
    SELECT
        s.value AS value,
        uniqExactArray(if({with_reach:Bool}, s.viewer_hashes, [])) AS viewers,
        quantilesDDArray(0.005, 0.5, 0.95)(if({with_reach:Bool}, s.startups_ms, [0])) AS startup_quantiles_ms,
        every_metric,
        min(s.first_ms) AS first_event_at,
        max(s.last_event_ms) AS last_event_at,
        argMinIf(s.provider, s.first_provider_key, s.provider != '') AS first_seen_provider
    FROM sums_source AS s
    GROUP BY s.value
    HAVING sum(s.facts) > 0
) AS m
FULL OUTER JOIN (
    SELECT stream_id, title, organizer_id, JSONExtractString(providers, 1, 'provider') AS provider
    FROM streams FINAL
    WHERE ({organizer_id:String} = '' OR organizer_id = {organizer_id:String})
        AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
) AS r ON r.stream_id = m.value
WHERE (m.value != '' OR {include_empty:Bool})
    AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(stream_id, ' ', ifNull(title, '')), {q:String}) > 0)
ORDER BY
    isNull(multiIf(
        {sort:String} = 'sessions', toNullable(toFloat64(m.sessions)),
        {sort:String} = 'attempts', toFloat64(m.attempts),
        {sort:String} = 'plays', toFloat64(m.plays),
        {sort:String} = 'viewers', toFloat64(m.viewers),
        {sort:String} = 'playing_time_s', m.playing_time_s,
        {sort:String} = 'playing_hidden_time_s', m.playing_hidden_time_s,
        {sort:String} = 'avg_playing_time_s', m.avg_playing_time_s,
        {sort:String} = 'startup_ms_p50', toFloat64(m.startup_ms_p50),
        {sort:String} = 'startup_ms_p95', toFloat64(m.startup_ms_p95),
        {sort:String} = 'rebuffer_count', toFloat64(m.rebuffer_count),
        {sort:String} = 'rebuffer_time_s', m.rebuffer_time_s,
        {sort:String} = 'rebuffer_ratio', m.rebuffer_ratio,
        {sort:String} = 'failure_rate', m.failure_rate,
        {sort:String} = 'business_error_rate', m.business_error_rate,
        {sort:String} = 'error_rate', m.error_rate,
        {sort:String} = 'ebvs_rate', m.ebvs_rate,
        {sort:String} = 'avg_bitrate_kbps', m.avg_bitrate_kbps,
        {sort:String} = 'peak_concurrent', toFloat64(m.peak_concurrent),
        {sort:String} = 'peak_at', toFloat64(m.peak_at),
        {sort:String} = 'qoe_score', m.qoe_score,
        {sort:String} = 'first_event_at', toFloat64(first_event_at),
        {sort:String} = 'last_event_at', toFloat64(last_event_at),
        0
    ) AS number_key),
    if({is_descending:Bool}, -number_key, number_key),
    if({is_descending:Bool}, '', multiIf(
        {sort:String} = 'stream_id', stream_id,
        {sort:String} = 'title', ifNull(title, ''),
        {sort:String} = 'organizer_id', ifNull(organizer_id, ''),
        {sort:String} = 'provider', ifNull(provider, ''),
        ''
    ) AS text_key),
    if({is_descending:Bool}, text_key, '') DESC,
    stream_id
LIMIT {limit:UInt64} OFFSET {offset:UInt64}
SETTINGS max_block_size = 16384
