{# Written by `make dbt-macros` from the SQL in clickhouse/, which is where to change it. #}

{% macro scope_stale_sessions(batch_id, touched_since, after_session_id, after_stream_id, max_rows) %}
INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows, was_first_day, was_last_day)
SELECT '{{ batch_id }}', session_id, stream_id, session_days, session_rows, was_first_day, was_last_day
FROM stale_sessions(
    touched_since = '{{ touched_since }}', after_session_id = '{{ after_session_id }}',
    after_stream_id = '{{ after_stream_id }}'
)
WHERE rows_so_far <= {{ max_rows }} OR rows_so_far = session_rows
{% endmacro %}


{% macro scope_end(batch_id) %}
SELECT
    count() OVER () AS sessions,
    toString(session_id) AS session_id,
    stream_id
FROM refold_scope
WHERE batch_id = '{{ batch_id }}'
ORDER BY refold_scope.session_id DESC, stream_id DESC
LIMIT 1
{% endmacro %}


{% macro fold_scope(batch_id, max_events) %}
INSERT INTO sessions
SELECT * FROM session_fold(batch_id = '{{ batch_id }}', max_events = {{ max_events }})
{% endmacro %}


{% macro session_fold(playback_events, refold_scope, max_events, batch_id) %}
WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    grouped AS (
        SELECT
            stream_id,
            session_id,
            count() AS events,
            ifNull(min(event_offset_ms), 0) AS skew_ms,
            max(event_ts) AS last_ts,
            arraySlice(arraySort(groupArray(event_key)), 1, {{ max_events }}) AS event_keys,
            arraySort(
                (kbps, k) -> k,
                groupArrayIf(bitrate_kbps, bitrate_kbps != 0),
                groupArrayIf(event_key, bitrate_kbps != 0)
            ) AS sent_kbps,
            arraySort(groupArrayIf((event_key, width, height, player_width, player_height), has_size)) AS sent_sizes,
            argMin(client_id, event_key) AS first_client_id,
            argMinIf(provider, event_key, provider != '') AS first_provider,
            argMinIf(player_name, event_key, player_name != '') AS first_player_name,
            argMinIf(player_version, event_key, player_version != '') AS first_player_version,
            argMinIf(country, event_key, country != '') AS first_country,
            argMinIf(device, event_key, device NOT IN ('', 'unknown')) AS first_device,
            argMinIf(os, event_key, os != '') AS first_os,
            argMinIf(browser, event_key, browser != '') AS first_browser,
            argMinIf(content_title, event_key, content_title != '') AS first_title,
            argMinIf(content_duration_ms, event_key, content_duration_ms != 0) AS first_duration_ms,
            argMinIf(content_is_live, event_key, isNotNull(content_is_live)) AS first_is_live,
            argMinIf(page_url, event_key, page_url != '') AS first_page_url,
            argMinIf(timezone, event_key, timezone != '') AS first_timezone,
            arraySort(groupArrayIf((event_key, error_code), type = 'error' AND error_code != '')) AS coded_errors
        FROM (
            SELECT
                * EXCEPT (ts),
                ts AS event_ts,
                offset_ms AS event_offset_ms,
                toUInt8(multiIf(
                    type < 'error', toInt8(type),
                    type > 'error', toInt8(type) + 2,
                    NOT is_error_fatal, 11,
                    is_error_business, 13,
                    12
                )) AS kind,
                kind = 2 OR kind = 3 OR kind BETWEEN 12 AND 15 AS is_setting,
                width != 0 OR height != 0 OR player_width != 0 OR player_height != 0 AS has_size,
                bitShiftLeft(toUInt128(ts), 80) + bitShiftLeft(toUInt128(seq), 16) + toUInt16(
                    kind * 256
                    + is_setting * 128
                    + (
                        kind < 8 OR kind BETWEEN 11 AND 15 OR visible != 'unknown' OR bitrate_kbps != 0 OR has_size
                    ) * 64
                    + (bitrate_kbps != 0) * 32
                    + has_size * 16
                    + toInt8(visible)
                ) AS event_key
            FROM {{ playback_events }}
            WHERE (intDiv(ts, 86400000), session_id) IN (
                SELECT arrayJoin(days), session_id FROM {{ refold_scope }} WHERE batch_id = '{{ batch_id }}'
            )
        )
        GROUP BY stream_id, session_id
    ),
    coded AS (
        SELECT
            * EXCEPT (event_keys),
            arrayMap(k -> toInt64(bitShiftRight(k, 80)), event_keys) AS event_times,
            arrayDifference(event_times) AS ms_before,
            arrayShiftLeft(ms_before, 1, max_gap_ms + 1) AS ms_after,
            arrayMap(
                (k, before, after) -> toUInt32(toUInt16(k))
                + (after > max_gap_ms) * 65536
                + (bitTest(toUInt16(k), 6) OR before > max_gap_ms OR after > max_gap_ms) * 131072,
                event_keys, ms_before, ms_after
            ) AS event_codes
        FROM grouped AS g
        INNER JOIN (
            SELECT
                session_id AS scope_session_id,
                stream_id AS scope_stream_id,
                inserted_rows AS folded_rows,
                toUInt64(toUnixTimestamp64Nano(scoped_at)) AS version,
                was_first_day,
                was_last_day
            FROM {{ refold_scope }}
            WHERE batch_id = '{{ batch_id }}'
        ) AS scope ON scope_session_id = g.session_id AND scope_stream_id = g.stream_id
    ),
    carried AS (
        SELECT
            * EXCEPT (event_times, ms_before),
            event_times[1] AS first_ts,
            arrayFilter((t, c) -> bitTest(c, 17), event_times, event_codes) AS ts,
            arrayFilter(c -> bitTest(c, 17), event_codes) AS code,
            arrayMap(c -> toUInt8(bitAnd(bitShiftRight(c, 8), 31)), code) AS kind,
            arrayFill(c -> bitAnd(c, 3) != 0, code) AS visible_code,
            arrayMap(i -> sent_kbps[i], arrayCumSum(c -> bitTest(c, 5), code)) AS bitrate_kbps,
            arrayMap(
                (w, h, pw, ph) -> if(
                    w > 0 AND h > 0 AND pw > 0 AND ph > 0, greatest(least(pw / w, ph / h) - 1, 0), -1
                ),
                arrayFill(v -> v != 0, sent_sizes.2),
                arrayFill(v -> v != 0, sent_sizes.3),
                arrayFill(v -> v != 0, sent_sizes.4),
                arrayFill(v -> v != 0, sent_sizes.5)
            ) AS sent_upscales,
            arrayMap(i -> if(i = 0, -1, sent_upscales[i]), arrayCumSum(c -> bitTest(c, 4), code)) AS upscale,
            indexOf(kind, 1) AS first_play,
            indexOf(kind, 2) AS first_frame
        FROM coded
    ),
    based AS (
        SELECT
            * EXCEPT (sent_kbps, sent_sizes, sent_upscales),
            arrayFill((k, c) -> bitTest(c, 7), kind, code) AS base,
            arrayMap(
                (k, b) -> k = 6 AND (b = 2 OR b = 3),
                arrayFill((k, c) -> k = 6 OR k = 7 OR bitTest(c, 7), kind, code), base
            ) AS is_seeking,
            arrayShiftRight(is_seeking, 1) AS was_seeking,
            arrayMap(
                (t, next_t, c) -> if(bitTest(c, 16), 0, next_t - t), ts, arrayShiftLeft(ts, 1), code
            ) AS counted_ms
        FROM carried
    ),
    folded AS (
        SELECT
            * EXCEPT (base, is_seeking, was_seeking, kind),
            has(kind, 12) AS has_failure,
            has(kind, 13) AS has_business_error,
            has_failure OR has_business_error OR has(kind, 11) AS has_error,
            arrayMap(
                (b, is_sought, start, stall) -> multiIf(
                    start = 1, 1, is_sought, 5, b = 2, if(stall = 4, 4, 2), b = 3, 3, 0
                ),
                base,
                is_seeking,
                arrayFill(
                    (k, c, b, is_sought, i) -> bitTest(c, 7) OR k = 1 AND NOT is_sought AND b != 2
                        AND (b != 3 OR first_frame = 0 OR i < first_frame),
                    kind, code, base, was_seeking, arrayEnumerate(kind)
                ),
                arrayFill(
                    (k, c, is_sought) -> bitTest(c, 7) OR if(is_sought, k = 7, k = 4 OR k = 5), kind, code, was_seeking
                )
            ) AS state,
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            arrayMap(
                (s, before, c) -> s = 4 AND (before != 4 OR bitTest(c, 16)),
                state, arrayShiftRight(state, 1), arrayShiftRight(code, 1)
            ) AS is_run_start
        FROM based
    ),
    summed AS (
        SELECT
            * EXCEPT (
                played_ms, is_run_start, visible_code, bitrate_kbps, upscale, code, event_codes, ms_after, state,
                counted_ms
            ),
            if(
                first_play > 0 AND first_play < first_frame
                AND NOT arrayExists(c -> bitTest(c, 16), arraySlice(code, first_play, first_frame - first_play))
                AND NOT arrayExists(
                    c -> bitAnd(c, 3) = 1, arraySlice(visible_code, first_play, first_frame - first_play + 1)
                ),
                toNullable(toUInt64(ts[first_frame] - ts[first_play])),
                NULL
            ) AS startup_ms,
            arrayExists(s -> s = 1 OR s = 2, state) AS has_begun,
            toUInt64(arraySum((s, ms) -> if(s = 1, ms, 0), state, counted_ms)) AS starting_ms,
            toUInt64(arraySum((s, ms) -> if(s = 3, ms, 0), state, counted_ms)) AS paused_ms,
            toUInt64(arraySum((s, ms) -> if(s = 4, ms, 0), state, counted_ms)) AS rebuffering_ms,
            toUInt64(arraySum((s, ms) -> if(s = 5, ms, 0), state, counted_ms)) AS seeking_ms,
            toUInt64(arraySum(played_ms)) AS playing_ms,
            toUInt64(arraySum((ms, c) -> if(bitAnd(c, 3) = 1, ms, 0), played_ms, visible_code)) AS playing_hidden_ms,
            toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), played_ms, bitrate_kbps)) AS bitrate_known_ms,
            toUInt64(arraySum((ms, kbps) -> ms * kbps, played_ms, bitrate_kbps)) AS bitrate_kbps_ms,
            toUInt64(arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale)) AS upscale_known_ms,
            arrayMap((s, u) -> if(s = 2 AND u > 0, u, 0), state, upscale) AS played_upscale,
            arraySum(
                (ms, i) -> if(ms > max_gap_ms, 0, ms * played_upscale[i]),
                ms_after, arrayCumSum(c -> bitTest(c, 17), event_codes)
            ) AS upscale_ms,
            arrayMax((ms, u) -> if(ms > 0, u, 0), played_ms, played_upscale) AS upscale_max,
            arrayFilter(ms -> ms >= min_rebuffer_ms, arrayMap(run -> arraySum(run), arraySplit(
                (ms, is_start) -> is_start,
                arrayFilter((ms, s) -> s = 4, counted_ms, state),
                arrayFilter((is_start, s) -> s = 4, is_run_start, state)
            ))) AS episodes_ms,
            arrayMap(
                (s, t, ms, run_ts) -> multiIf(
                    s = 4, least(t + ms + 1, run_ts + max_rebuffer_active_ms), s = 0 OR s = 3, 0, t + ms + 1
                ),
                state, ts, counted_ms, arrayFill((t, is_start) -> is_start, ts, is_run_start)
            ) AS until_ts
        FROM folded
    ),
    measured AS (
        SELECT
            * EXCEPT (until_ts, upscale_ms, episodes_ms, ts),
            arrayFilter((t, until) -> t < until, ts, until_ts) AS active_from,
            arrayFilter((until, t) -> t < until, until_ts, ts) AS active_until,
            arrayMap((t, until) -> t > until, active_from, arrayShiftRight(active_until, 1, -1)) AS is_span_start,
            (has_begun OR has_failure OR has_business_error) AND (
                first_frame > 0 OR has_failure OR has_business_error OR last_ts - first_ts >= 1000
            ) AS is_attempt,
            first_provider != 'bunny' AS can_report_rebuffering,
            toUInt32(length(episodes_ms)) AS rebuffer_episodes,
            toUInt64(arraySum(episodes_ms)) AS rebuffer_episodes_ms,
            upscale_ms / greatest(upscale_known_ms, 1) AS upscale_mean
        FROM summed
    ),
    scored AS (
        SELECT
            *,
            0.30 * isNotNull(startup_ms) AS startup_weight,
            0.45 * can_report_rebuffering AS smoothness_weight,
            0.25 * (upscale_known_ms > 0) AS quality_weight,
            800 / (8 + ifNull(startup_ms, 0) / 1000) AS startup_score,
            (
                100 / sqrt(1 + pow(rebuffer_episodes / 2, 2))
                + 100 * exp(if(playing_ms = 0, 0, -10 * rebuffer_episodes_ms / (playing_ms + rebuffer_episodes_ms)))
            ) / 2 AS smoothness_score,
            100 * exp(-0.33 * (0.15 * upscale_max + 0.85 * upscale_mean)) AS quality_score,
            startup_weight + smoothness_weight + quality_weight AS known_weight
        FROM measured
    )
SELECT
    m.stream_id AS stream_id,
    m.session_id AS session_id,
    m.version AS version,
    m.folded_rows AS folded_rows,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli(m.first_ts + m.skew_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(m.last_ts + m.skew_ms, 'UTC') AS last_at,
    m.skew_ms AS skew_ms,
    toUInt32(m.events) AS events,
    m.events > {{ max_events }} AS is_truncated,
    m.first_client_id AS client_id,
    m.first_device = 'bot' AS is_bot,
    m.is_attempt AS is_attempt,
    m.is_attempt AND m.first_frame > 0 AS is_play,
    m.has_error AS has_error,
    m.has_failure AS has_failure,
    m.has_business_error AS has_business_error,
    m.can_report_rebuffering AS can_report_rebuffering,
    m.starting_ms AS starting_ms,
    m.playing_ms AS playing_ms,
    m.playing_hidden_ms AS playing_hidden_ms,
    m.paused_ms AS paused_ms,
    m.rebuffering_ms AS rebuffering_ms,
    m.seeking_ms AS seeking_ms,
    m.startup_ms AS startup_ms,
    m.rebuffer_episodes AS rebuffer_episodes,
    m.rebuffer_episodes_ms AS rebuffer_episodes_ms,
    m.bitrate_known_ms AS bitrate_known_ms,
    m.bitrate_kbps_ms AS bitrate_kbps_ms,
    m.upscale_known_ms AS upscale_known_ms,
    m.upscale_mean AS upscale_mean,
    m.upscale_max AS upscale_max,
    multiIf(
        NOT m.is_attempt, NULL,
        m.has_failure, toDecimal64(0, 9),
        m.has_business_error, NULL,
        m.first_frame = 0, toDecimal64(50, 9),
        m.known_weight = 0, NULL,
        toDecimal64(round((
            m.startup_weight * m.startup_score + m.smoothness_weight * m.smoothness_score
            + m.quality_weight * m.quality_score
        ) / greatest(m.known_weight, 0.01), 9), 9)
    ) AS qoe_score,
    arrayMap(t -> t + m.skew_ms, arrayFilter((t, is_one) -> is_one, m.active_from, m.is_span_start)) AS span_starts_ms,
    arrayMap(t -> t + m.skew_ms, arrayFilter(
        (t, is_next_start) -> is_next_start,
        m.active_until,
        arrayShiftLeft(m.is_span_start, 1, 1)
    )) AS span_ends_ms,
    arrayDistinct(arrayMap(e -> e.2, m.coded_errors)) AS error_codes,
    m.first_provider AS provider,
    m.first_player_name AS player_name,
    m.first_player_version AS player_version,
    m.first_country AS country,
    if(m.first_device = '', 'unknown', m.first_device) AS device,
    m.first_os AS os,
    m.first_browser AS browser,
    m.first_title AS content_title,
    m.first_duration_ms AS content_duration_ms,
    m.first_is_live AS content_is_live,
    m.first_page_url AS page_url,
    m.first_timezone AS timezone,
    if(m.was_first_day = toDate(0), toDate(started_at), least(toDate(started_at), m.was_first_day)) AS changed_from,
    greatest(
        toDate(last_at), toDate(fromUnixTimestamp64Milli(span_ends_ms[-1], 'UTC')), m.was_last_day
    ) AS changed_to
FROM scored AS m
{% endmacro %}


{% macro every_metric() %}
sum(s.sessions) AS sessions,
sum(s.attempts) AS attempts,
sum(s.plays) AS plays,
sum(s.total_playing_ms) / 1000 AS playing_time_s,
sum(s.total_playing_hidden_ms) / 1000 AS playing_hidden_time_s,
if(plays = 0, NULL, playing_time_s / plays) AS avg_playing_time_s,
sum(s.known_startups) AS startups,
if(startups = 0, NULL, toUInt64(round(startup_quantiles_ms[1]))) AS startup_ms_p50,
if(startups = 0, NULL, toUInt64(round(startup_quantiles_ms[2]))) AS startup_ms_p95,
sum(s.rebuffering_known_plays) AS rebuffering_plays,
if(rebuffering_plays = 0, NULL, sum(s.total_rebuffers)) AS rebuffer_count,
if(rebuffering_plays = 0, NULL, sum(s.total_rebuffer_ms) / 1000) AS rebuffer_time_s,
sum(s.total_demand_ms) AS demand_ms,
if(demand_ms = 0, NULL, sum(s.total_rebuffer_ms) / demand_ms) AS rebuffer_ratio,
if(attempts = 0, NULL, sum(s.failed_attempts) / attempts) AS failure_rate,
if(attempts = 0, NULL, sum(s.business_error_attempts) / attempts) AS business_error_rate,
if(attempts = 0, NULL, sum(s.error_attempts) / attempts) AS error_rate,
if(attempts = 0, NULL, sum(s.ebvs_attempts) / attempts) AS ebvs_rate,
sum(s.total_bitrate_known_ms) AS bitrate_known_ms,
if(bitrate_known_ms = 0, NULL, sum(s.total_bitrate_kbps_ms) / bitrate_known_ms) AS avg_bitrate_kbps,
max(s.peak) AS peak_concurrent,
if(peak_concurrent = 0, NULL, argMax(s.peak_ms, (s.peak, -s.peak_ms))) AS peak_at,
sum(s.scored_attempts) AS scores,
if(scores = 0, NULL, toFloat64(sum(s.total_score)) / scores) AS qoe_score
{% endmacro %}
