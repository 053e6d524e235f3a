-- purpose: what sessions add up to, by dimension and bucket of time: the one definition of every sum behind a metric
-- grain: one dimension, value and bucket; bucket_ms: its begin in ms since the epoch
-- parameters: dimensions Array(String): of '' (all, value '') | stream_id | organizer_id | country | device | os
--     | browser | player | provider | error_code (a session counts under each code it had)
--     | stream_country | stream_device | stream_provider (the value, a line break, the stream)
--   bucket_length_ms Int64: 0 for one bucket that begins at 0
--   from_a, to_a, from_b, to_b Int64: two ranges [from, to) in ms, the one after the other; 0, 0: no second one
--   stream_id, organizer_id, provider, country, device String: filters, '' for none; include_bots Bool
-- reads: sessions, streams
-- The formulas are in docs/metrics.md. Figures of sessions count those that began in the bucket, peaks whoever was
-- active in it. A session has one row for each bucket that it began in or that a span of it reaches into. It is told
-- there by one fact for each such span, and by one more where it began in another bucket than the first of them. All
-- sums are of integers and decimals and all arrays are sorted, so that no order matters. An unknown value is 'unknown';
-- a stream that is not registered is in no organizer.
-- Of a session's rows those are left out that have a newer one, which are found by counting: FINAL reads all columns of
-- all of them, and after sorting one thread does all the rest. Both reads see one state of the table, on each shard. A
-- peak and its instant are found in one sorted array: maxIntersections and maxIntersectionsPosition each keep and sort
-- pairs of their own.
CREATE OR REPLACE VIEW metric_sums AS
WITH
    if({bucket_length_ms:Int64} = 0, 4611686018427387904, {bucket_length_ms:Int64}) AS width_ms,
    clipped AS (
        SELECT
            s.session_id AS session_id,
            s.stream_id AS stream_id,
            s.client_id AS client_id,
            r.organizer_id AS organizer_id,
            s.country AS country,
            s.device AS device,
            s.os AS os,
            s.browser AS browser,
            s.player_name AS player_name,
            s.provider AS provider,
            s.error_codes AS error_codes,
            s.is_attempt AS is_attempt,
            s.is_play AS is_play,
            s.has_error AS has_error,
            s.has_failure AS has_failure,
            s.has_business_error AS has_business_error,
            s.can_report_rebuffering AS can_report_rebuffering,
            s.playing_ms AS playing_ms,
            s.playing_hidden_ms AS playing_hidden_ms,
            s.startup_ms AS startup_ms,
            s.rebuffer_episodes AS rebuffer_episodes,
            s.rebuffer_episodes_ms AS rebuffer_episodes_ms,
            s.bitrate_known_ms AS bitrate_known_ms,
            s.bitrate_kbps_ms AS bitrate_kbps_ms,
            s.qoe_score AS qoe_score,
            toUnixTimestamp64Milli(s.started_at) AS started_ms,
            toUnixTimestamp64Milli(s.last_at) AS ended_ms,
            started_ms >= {from_a:Int64} AND started_ms < {to_a:Int64}
            OR started_ms >= {from_b:Int64} AND started_ms < {to_b:Int64} AS is_started,
            if(
                {to_b:Int64} = 0,
                arrayMap(a -> greatest(a, {from_a:Int64}), s.span_starts_ms),
                arrayConcat(
                    arrayMap(a -> greatest(a, {from_a:Int64}), s.span_starts_ms),
                    arrayMap(a -> greatest(a, {from_b:Int64}), s.span_starts_ms)
                )
            ) AS clipped_starts_ms,
            if(
                {to_b:Int64} = 0,
                arrayMap(b -> least(b, {to_a:Int64}), s.span_ends_ms),
                arrayConcat(
                    arrayMap(b -> least(b, {to_a:Int64}), s.span_ends_ms),
                    arrayMap(b -> least(b, {to_b:Int64}), s.span_ends_ms)
                )
            ) AS clipped_ends_ms
        FROM (
            SELECT *
            FROM sessions
            WHERE (
                -- Weeks are compared two days wider than asked: no newer version of a row that matters lies outside.
                start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)
                AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) - 2)
                OR start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')) + 2)
                AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) - 2)
                AND {to_b:Int64} != 0
            )
            AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
            AND (sipHash64(stream_id), session_id, version) NOT IN (
                SELECT
                    sipHash64(every.stream_id) AS stream_hash,
                    every.session_id,
                    arrayJoin(arrayPopBack(arraySort(groupArray(every.version)))) AS older_version
                FROM sessions AS every
                WHERE (
                    start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)
                    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) - 2)
                    OR start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')) + 2)
                    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) - 2)
                    AND {to_b:Int64} != 0
                )
                AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
                GROUP BY stream_hash, every.session_id
                HAVING count() > 1
            )
            AND (
                started_at < fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')
                AND last_at >= fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')
                OR started_at < fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')
                AND last_at >= fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')
            )
            AND ({include_bots:Bool} OR NOT is_bot)
            AND ({provider:String} = '' OR if(provider = '', 'unknown', provider) = {provider:String})
            AND ({country:String} = '' OR if(country = '', 'unknown', country) = {country:String})
            AND ({device:String} = '' OR device = {device:String})
            SETTINGS enable_shared_storage_snapshot_in_query = 1, distributed_product_mode = 'local'
        ) AS s
        LEFT ANY JOIN (SELECT stream_id, organizer_id FROM streams FINAL) AS r ON r.stream_id = s.stream_id
        WHERE {organizer_id:String} = '' OR r.organizer_id = {organizer_id:String}
    ),
    cut AS (
        SELECT
            * EXCEPT (clipped_starts_ms, clipped_ends_ms, error_codes, client_id, organizer_id),
            sipHash64(organizer_id, client_id) AS viewer,
            sipHash64(stream_id) AS stream_hash,
            arrayFilter((a, b) -> a < b, clipped_starts_ms, clipped_ends_ms) AS starts_ms,
            arrayFilter((b, a) -> a < b, clipped_ends_ms, clipped_starts_ms) AS ends_ms,
            arrayFlatten(arrayMap(
                (a, b) -> range(intDiv(a, width_ms), intDiv(b - 1, width_ms) + 1), starts_ms, ends_ms
            )) AS span_buckets,
            intDiv(started_ms, width_ms) AS start_bucket,
            is_started AND (empty(starts_ms) OR intDiv(starts_ms[1], width_ms) != start_bucket) AS is_begin_apart,
            arrayDistinct(if(is_begin_apart, arrayPushFront(span_buckets, start_bucket), span_buckets)) AS buckets,
            if(
                length({dimensions:Array(String)}) = 1
                AND {dimensions:Array(String)}[1]
                NOT IN ('error_code', 'stream_country', 'stream_device', 'stream_provider'),
                [({dimensions:Array(String)}[1], multiIf(
                    {dimensions:Array(String)}[1] = 'stream_id', stream_id,
                    {dimensions:Array(String)}[1] = 'organizer_id', organizer_id,
                    {dimensions:Array(String)}[1] = 'country', country,
                    {dimensions:Array(String)}[1] = 'device', device,
                    {dimensions:Array(String)}[1] = 'os', os,
                    {dimensions:Array(String)}[1] = 'browser', browser,
                    {dimensions:Array(String)}[1] = 'player', player_name,
                    {dimensions:Array(String)}[1] = 'provider', provider,
                    ''
                ))],
                arrayConcat(
                    arrayFilter(d -> has({dimensions:Array(String)}, d.1), [
                        ('', ''), ('stream_id', stream_id), ('organizer_id', organizer_id), ('country', country),
                        ('device', device), ('os', os), ('browser', browser), ('player', player_name),
                        ('provider', provider)
                    ]),
                    if(
                        has({dimensions:Array(String)}, 'error_code'),
                        arrayMap(code -> ('error_code', code), error_codes),
                        []
                    ),
                    if(
                        hasAny({dimensions:Array(String)}, ['stream_country', 'stream_device', 'stream_provider']),
                        arrayFilter(d -> has({dimensions:Array(String)}, d.1), [
                            ('stream_country', concat(if(country = '', 'unknown', country), '\n', stream_id)),
                            ('stream_device', concat(if(device = '', 'unknown', device), '\n', stream_id)),
                            ('stream_provider', concat(if(provider = '', 'unknown', provider), '\n', stream_id))
                        ]),
                        []
                    )
                )
            )::Array(Tuple(LowCardinality(String), String)) AS fact_dimensions  -- noqa: CP01
        FROM clipped
    ),
    -- borders: where spans begin and end in the bucket, twice the instant, a begin plus one: an end sorts first.
    told AS (
        SELECT
            *,
            bucket * width_ms AS session_bucket_ms,
            session_bucket_ms + width_ms AS bucket_end_ms,
            arrayConcat(
                arrayMap(
                    a -> 2 * greatest(a, session_bucket_ms) + 1,
                    arrayFilter((a, b) -> a < bucket_end_ms AND b > session_bucket_ms, starts_ms, ends_ms)
                ),
                arrayMap(
                    b -> 2 * least(b, bucket_end_ms),
                    arrayFilter((b, a) -> a < bucket_end_ms AND b > session_bucket_ms, ends_ms, starts_ms)
                )
            ) AS borders,
            is_started AND bucket = start_bucket AS is_begin,
            intDiv(length(borders), 2) + (is_begin AND is_begin_apart) AS session_facts,
            is_begin AND is_attempt AS is_begun_attempt,
            is_begin AND is_play AS is_begun_play,
            is_begun_play AND can_report_rebuffering AS is_rebuffering_known
        FROM cut
        ARRAY JOIN buckets AS bucket
    ),
    told_by_dimension AS (
        SELECT
            *,
            arrayJoin(fact_dimensions) AS fact_dimension,
            fact_dimension.1 AS fact_dimension_name,
            fact_dimension.2 AS fact_value
        FROM told
        WHERE fact_dimension_name != 'organizer_id' OR fact_value != ''
    ),
    arraySort(groupArrayArray(borders)) AS sorted_borders,
    arrayCumSum(border -> if(border % 2 = 1, 1, -1), sorted_borders) AS active_sessions
SELECT
    fact_dimension_name AS dimension,
    if(fact_dimension_name != '' AND fact_value = '', 'unknown', fact_value) AS value,
    session_bucket_ms AS bucket_ms,
    sum(session_facts) AS facts,
    countIf(is_begin) AS sessions,
    countIf(is_begun_attempt) AS attempts,
    countIf(is_begun_play) AS plays,
    sumIf(playing_ms, is_begin) AS total_playing_ms,
    sumIf(playing_hidden_ms, is_begin) AS total_playing_hidden_ms,
    countIf(is_begun_play AND isNotNull(startup_ms)) AS known_startups,
    countIf(is_rebuffering_known) AS rebuffering_known_plays,
    sumIf(rebuffer_episodes, is_rebuffering_known) AS total_rebuffers,
    sumIf(rebuffer_episodes_ms, is_rebuffering_known) AS total_rebuffer_ms,
    sumIf(rebuffer_episodes_ms + playing_ms, is_rebuffering_known) AS total_demand_ms,
    countIf(is_begun_attempt AND has_failure) AS failed_attempts,
    countIf(is_begun_attempt AND has_business_error) AS business_error_attempts,
    countIf(is_begun_attempt AND has_error) AS error_attempts,
    countIf(is_begun_attempt AND NOT (is_play OR has_failure OR has_business_error)) AS ebvs_attempts,
    sumIf(bitrate_known_ms, is_begin) AS total_bitrate_known_ms,
    sumIf(bitrate_kbps_ms, is_begin) AS total_bitrate_kbps_ms,
    countIf(is_begun_attempt AND isNotNull(qoe_score)) AS scored_attempts,
    sumIf(assumeNotNull(qoe_score), is_begun_attempt AND isNotNull(qoe_score)) AS total_score,
    toUInt64(if(empty(active_sessions), 0, arrayMax(active_sessions))) AS peak,
    if(peak = 0, 0, intDiv(sorted_borders[indexOf(active_sessions, peak)], 2)) AS peak_ms,
    min(started_ms) AS first_ms,
    max(ended_ms) AS last_event_ms,
    arraySort(groupArrayIf(assumeNotNull(startup_ms), is_begun_play AND isNotNull(startup_ms))) AS startups_ms,
    quantilesDDArrayState(0.005, 0.5, 0.95)(
        if(is_begun_play AND isNotNull(startup_ms), [assumeNotNull(startup_ms)], [])
    ) AS startup_state,
    quantilesDDIf(0.005, 0.5, 0.95)(
        assumeNotNull(startup_ms), is_begun_play AND isNotNull(startup_ms)
    ) AS startup_quantiles_ms,
    uniqExactIf(viewer, is_begun_attempt) AS viewers,
    arraySort(groupUniqArrayIf(viewer, is_begun_attempt)) AS viewer_hashes,
    uniqExact(stream_hash) AS streams,
    arraySort(groupUniqArray(stream_hash)) AS stream_hashes,
    minIf((started_ms, session_id), provider != '') AS first_provider_key,
    argMinIf(provider, (started_ms, session_id), provider != '') AS first_provider
FROM told_by_dimension
GROUP BY fact_dimension_name, fact_value, session_bucket_ms;
