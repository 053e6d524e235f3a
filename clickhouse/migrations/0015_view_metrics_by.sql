-- purpose: every metric of the dictionary, by one dimension: the one definition of each
-- grain: one value of the dimension `by`; by = '' gives one row for all, if there is a session at all
-- parameters: by String: '' | stream_id | country | device | os | browser | player | provider
--   from_ms, to_ms Int64: the range [from, to)
--   stream_id, organizer_id, provider, country, device String: filters, '' for none; include_bots Bool
-- reads: sessions_between, streams
-- The formulas are in docs/metrics.md. Figures of sessions count those that began in the range; peaks count whoever
-- was active in it. NULL is a figure that cannot be known. Sums are of integers and decimals, so their order is free.
CREATE OR REPLACE VIEW metrics_by AS
WITH
    registry AS (
        SELECT stream_id, organizer_id
        FROM streams FINAL
    ),
    clipped AS (
        SELECT
            *,
            toUnixTimestamp64Milli(started_at) AS started_ms,
            toUnixTimestamp64Milli(last_at) AS last_ms,
            started_ms >= {from_ms:Int64} AND started_ms < {to_ms:Int64} AS is_started,
            arrayMap(a -> greatest(a, {from_ms:Int64}), span_starts_ms) AS clipped_starts_ms,
            arrayMap(b -> least(b, {to_ms:Int64}), span_ends_ms) AS clipped_ends_ms
        FROM sessions_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64})
        WHERE ({include_bots:Bool} OR NOT is_bot)
            AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
            AND ({provider:String} = '' OR provider = {provider:String})
            AND ({country:String} = '' OR country = {country:String})
            AND ({device:String} = '' OR device = {device:String})
    ),
    in_view AS (
        SELECT
            c.*,
            multiIf(
                {by:String} = 'stream_id', c.stream_id,
                {by:String} = 'country', c.country,
                {by:String} = 'device', c.device,
                {by:String} = 'os', c.os,
                {by:String} = 'browser', c.browser,
                {by:String} = 'player', c.player_name,
                {by:String} = 'provider', c.provider,
                ''
            )::String AS value,
            c.is_started AND c.is_attempt AS is_started_attempt,
            c.is_started AND c.is_play AS is_started_play,
            c.is_started AND c.is_play AND c.can_report_rebuffering AS is_rebuffering_known,
            sipHash64(r.organizer_id, c.client_id) AS viewer,
            arrayFilter((a, b) -> a < b, c.clipped_starts_ms, c.clipped_ends_ms) AS starts_ms,
            arrayFilter((b, a) -> a < b, c.clipped_ends_ms, c.clipped_starts_ms) AS ends_ms
        FROM clipped AS c
        LEFT ANY JOIN registry AS r ON r.stream_id = c.stream_id
        WHERE (c.is_started OR arrayExists((a, b) -> a < b, c.clipped_starts_ms, c.clipped_ends_ms))
            AND ({organizer_id:String} = '' OR r.organizer_id = {organizer_id:String})
    ),
    summed AS (
        SELECT
            value,
            uniqExact(stream_id) AS streams,
            countIf(is_started) AS sessions,
            countIf(is_started_attempt) AS attempts,
            countIf(is_started_play) AS plays,
            uniqExactIf(viewer, is_started_attempt) AS viewers,
            sumIf(playing_ms, is_started) AS total_playing_ms,
            sumIf(playing_hidden_ms, is_started) AS total_playing_hidden_ms,
            countIf(is_started_play AND isNotNull(startup_ms)) AS known_startups,
            quantilesDDIf(0.005, 0.5, 0.95)(
                assumeNotNull(startup_ms), is_started_play AND isNotNull(startup_ms)
            ) AS startup_quantiles_ms,
            countIf(is_rebuffering_known) AS rebuffering_known_plays,
            sumIf(rebuffer_episodes, is_rebuffering_known) AS total_rebuffers,
            sumIf(rebuffer_episodes_ms, is_rebuffering_known) AS total_rebuffer_ms,
            total_rebuffer_ms + sumIf(playing_ms, is_rebuffering_known) AS total_demand_ms,
            countIf(is_started_attempt AND has_failure) AS failed_attempts,
            countIf(is_started_attempt AND has_business_error) AS business_error_attempts,
            countIf(is_started_attempt AND has_error) AS error_attempts,
            countIf(is_started_attempt AND NOT (is_play OR has_failure OR has_business_error)) AS ebvs_attempts,
            sumIf(bitrate_known_ms, is_started) AS total_bitrate_known_ms,
            sumIf(bitrate_kbps_ms, is_started) AS total_bitrate_kbps_ms,
            maxIntersectionsArray(starts_ms, ends_ms) AS peak,
            maxIntersectionsPositionArray(starts_ms, ends_ms) AS peak_ms,
            countIf(is_started_attempt AND isNotNull(qoe_score)) AS scored_attempts,
            sumIf(assumeNotNull(qoe_score), is_started_attempt AND isNotNull(qoe_score)) AS total_score,
            min(started_ms) AS first_ms,
            max(last_ms) AS last_event_ms,
            argMinIf(provider, (started_ms, session_id), provider != '') AS first_provider
        FROM in_view
        GROUP BY value
    )
SELECT
    value,
    streams,
    sessions,
    attempts,
    plays,
    viewers,
    total_playing_ms / 1000 AS playing_time_s,
    total_playing_hidden_ms / 1000 AS playing_hidden_time_s,
    if(plays = 0, NULL, playing_time_s / plays) AS avg_playing_time_s,
    if(known_startups = 0, NULL, toUInt64(round(startup_quantiles_ms[1]))) AS startup_ms_p50,
    if(known_startups = 0, NULL, toUInt64(round(startup_quantiles_ms[2]))) AS startup_ms_p95,
    if(rebuffering_known_plays = 0, NULL, total_rebuffers) AS rebuffer_count,
    if(rebuffering_known_plays = 0, NULL, total_rebuffer_ms / 1000) AS rebuffer_time_s,
    if(total_demand_ms = 0, NULL, total_rebuffer_ms / total_demand_ms) AS rebuffer_ratio,
    if(attempts = 0, NULL, failed_attempts / attempts) AS failure_rate,
    if(attempts = 0, NULL, business_error_attempts / attempts) AS business_error_rate,
    if(attempts = 0, NULL, error_attempts / attempts) AS error_rate,
    if(attempts = 0, NULL, ebvs_attempts / attempts) AS ebvs_rate,
    if(total_bitrate_known_ms = 0, NULL, total_bitrate_kbps_ms / total_bitrate_known_ms) AS avg_bitrate_kbps,
    peak AS peak_concurrent,
    if(peak = 0, NULL, peak_ms) AS peak_at,
    if(scored_attempts = 0, NULL, toFloat64(total_score) / scored_attempts) AS qoe_score,
    first_ms AS first_event_at,
    last_event_ms AS last_event_at,
    first_provider
FROM summed;
