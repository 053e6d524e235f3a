-- purpose: sessions from their events: the one definition of the state fold and of every session's figures
-- grain: one session (stream_id, session_id) of the batch; columns are those of `sessions`
-- parameters: batch_id UUID: the batch of refold_scope to work out; max_events UInt64: later events are left out
-- reads: playback_events, refold_scope
-- The rules are in docs/metrics.md. Events are taken in the order (ts, seq, type); arrays run in step with them.
-- States: 0 idle, 1 starting, 2 playing, 3 paused, 4 rebuffering, 5 seeking, 6 seeking from a pause, 7 failed, 8 ended.
CREATE OR REPLACE VIEW session_fold AS
WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    ordered AS (
        SELECT
            stream_id,
            session_id,
            count() AS distinct_events,
            ifNull(min(offset_ms), 0) AS skew_ms,
            max(ts) AS last_ts,
            arraySlice(
                arraySort(
                    e -> e.1,
                    groupArray((
                        event_key, ts, toInt8(type), is_error_fatal, is_error_business, toInt8(visible), bitrate_kbps, width,
                        height, player_width, player_height
                    ))
                ), 1, {max_events:UInt64}
            ) AS sorted,
            argMin(client_id, event_key) AS first_client_id,
            arrayMap(
                e -> e.2, arraySort(groupArrayIf((event_key, error_code), type = 'error' AND error_code != ''))
            ) AS error_code_list,
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
            argMinIf(timezone, event_key, timezone != '') AS first_timezone
        FROM (
            SELECT
                *,
                offset_ms,
                bitShiftLeft(toUInt128(ts), 72) + bitShiftLeft(toUInt128(seq), 8) + toUInt128(toInt8(type)) AS event_key
            FROM playback_events FINAL
            WHERE (intDiv(ts, 86400000), session_id) IN (
                SELECT arrayJoin(days), session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
            )
        )
        GROUP BY stream_id, session_id
    ),
    folded AS (
        SELECT
            * EXCEPT (sorted),
            sorted.2 AS ts,
            sorted.3 AS type,
            arrayMap((t, is_fatal) -> t = 11 AND is_fatal, sorted.3, sorted.4) AS is_fatal,
            sorted.5 AS is_business,
            arrayFill(v -> v != 0, sorted.6) AS visible,
            arrayFill(v -> v != 0, sorted.7) AS bitrate_kbps,
            arrayFill(v -> v != 0, sorted.8) AS width,
            arrayFill(v -> v != 0, sorted.9) AS height,
            arrayFill(v -> v != 0, sorted.10) AS player_width,
            arrayFill(v -> v != 0, sorted.11) AS player_height,
            indexOf(type, 1) AS first_play,
            indexOf(type, 2) AS first_frame,
            arrayPushBack(arrayPopFront(arrayDifference(ts)), 0) AS interval_ms,
            arrayMap(ms -> if(ms <= max_gap_ms, ms, 0), interval_ms) AS counted_ms,
            arrayMap((t, f) -> t <= 7 OR t IN (12, 13) OR f, type, is_fatal) AS is_transition,
            arrayFold(
                (states, t, is_before_first_frame) -> arrayPushBack(states, multiIf(
                    t = 2, 2,
                    t = 3, 3,
                    t = 11, 7,
                    t IN (12, 13), 8,
                    t = 1 AND (states[-1] IN (0, 7, 8) OR states[-1] = 3 AND is_before_first_frame), 1,
                    t = 4 AND states[-1] = 2, 4,
                    t = 5 AND states[-1] = 4, 2,
                    t = 6 AND states[-1] IN (2, 4), 5,
                    t = 6 AND states[-1] = 3, 6,
                    t = 7 AND states[-1] = 5, 2,
                    t = 7 AND states[-1] = 6, 3,
                    states[-1]
                )::UInt8),
                arrayFilter((t, is_one) -> is_one, type, is_transition),
                arrayFilter(
                    (b, is_one) -> is_one,
                    arrayMap(i -> first_frame = 0 OR i < first_frame, arrayEnumerate(type)),
                    is_transition
                ),
                [0::UInt8]
            ) AS transition_states,
            arrayMap(n -> transition_states[n + 1], arrayCumSum(is_transition)) AS state
        FROM ordered
    ),
    measured AS (
        SELECT
            *,
            first_ts + skew_ms AS started_ms,
            ts[1] AS first_ts,
            first_frame > 0 AS has_first_frame,
            arrayExists(f -> f, is_fatal) AS has_fatal,
            arrayExists((f, b) -> f AND NOT b, is_fatal, is_business) AS has_failure,
            arrayExists((f, b) -> f AND b, is_fatal, is_business) AS has_business_error,
            arrayExists(s -> s IN (1, 2, 7), state)
                AND NOT (NOT has_first_frame AND NOT has_fatal AND last_ts - first_ts < 1000) AS is_attempt,
            is_attempt AND has_first_frame AS is_play,
            first_provider != 'bunny' AS can_report_rebuffering,
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            arraySum(played_ms) AS playing_ms,
            if(
                first_play > 0 AND first_play < first_frame
                AND NOT arrayExists(ms -> ms > max_gap_ms, arraySlice(interval_ms, first_play, first_frame - first_play))
                AND NOT has(arraySlice(visible, first_play, first_frame - first_play + 1), 1),
                toNullable(toUInt64(ts[first_frame] - ts[first_play])),
                NULL
            ) AS startup_ms,
            arrayMap(
                (s, before, gap_ms) -> s = 4 AND (before != 4 OR gap_ms > max_gap_ms),
                state, arrayPushFront(arrayPopBack(state), 0), arrayPushFront(arrayPopBack(interval_ms), 0)
            ) AS is_run_start,
            arrayFilter(ms -> ms >= min_rebuffer_ms, arrayMap(run -> arraySum(run), arraySplit(
                (ms, is_start) -> is_start,
                arrayFilter((ms, s) -> s = 4, counted_ms, state),
                arrayFilter((is_start, s) -> s = 4, is_run_start, state)
            ))) AS episodes_ms,
            arrayFill(t -> t != -1, arrayMap((is_start, t) -> if(is_start, t, -1), is_run_start, ts)) AS run_start_ts,
            arrayMap(
                (s, t, ms, run_ts) -> if(s = 4, least(t + ms + 1, run_ts + max_rebuffer_active_ms), t + ms + 1),
                state, ts, counted_ms, run_start_ts
            ) AS active_until_ts,
            arrayMap((s, t, until) -> s IN (1, 2, 4, 5, 6) AND t < until, state, ts, active_until_ts) AS is_active,
            arrayFilter((t, a) -> a, ts, is_active) AS active_from,
            arrayFilter((u, a) -> a, active_until_ts, is_active) AS active_until,
            arrayMap(
                (t, i) -> i = 1 OR t > active_until[i - 1], active_from, arrayEnumerate(active_from)
            ) AS is_span_start,
            arrayMap(
                (w, h, pw, ph) -> if(
                    w > 0 AND h > 0 AND pw > 0 AND ph > 0, greatest(least(pw / w, ph / h) - 1, 0), -1
                ),
                width, height, player_width, player_height
            ) AS upscale,
            arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale) AS upscale_known_ms,
            arraySum((ms, u) -> if(u >= 0, ms * u, 0), played_ms, upscale)
                / greatest(upscale_known_ms, 1) AS upscale_mean,
            arrayMax(arrayMap((ms, u) -> if(ms > 0, greatest(u, 0), 0), played_ms, upscale)) AS upscale_max,
            toUInt64(arraySum(episodes_ms)) AS rebuffer_episodes_ms,
            if(playing_ms = 0, 0, rebuffer_episodes_ms / (playing_ms + rebuffer_episodes_ms)) AS rebuffer_ratio,
            (
                [0.30, 0.45, 0.25],
                [toUInt8(isNotNull(startup_ms)), toUInt8(can_report_rebuffering), toUInt8(upscale_known_ms > 0)],
                [
                    800 / (8 + ifNull(startup_ms, 0) / 1000),
                    (100 / sqrt(1 + pow(length(episodes_ms) / 2, 2)) + 100 * exp(-10 * rebuffer_ratio)) / 2,
                    100 * exp(-0.33 * (0.15 * upscale_max + 0.85 * upscale_mean))
                ]
            ) AS score_parts,
            arraySum((weight, is_known) -> weight * is_known, score_parts.1, score_parts.2) AS score_weight,
            arraySum(
                (weight, is_known, score) -> weight * is_known * score, score_parts.1, score_parts.2, score_parts.3
            ) / greatest(score_weight, 0.01) AS score
        FROM folded
    )
SELECT
    m.stream_id AS stream_id,
    m.session_id AS session_id,
    toUnixTimestamp64Nano(scope.scoped_at)::UInt64 AS version,
    scope.inserted_rows AS folded_rows,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli(m.started_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(m.last_ts + m.skew_ms, 'UTC') AS last_at,
    m.skew_ms AS skew_ms,
    toUInt32(m.distinct_events) AS events,
    m.distinct_events > {max_events:UInt64} AS is_truncated,
    m.first_client_id AS client_id,
    m.first_device = 'bot' AS is_bot,
    m.is_attempt AS is_attempt,
    m.is_play AS is_play,
    has(m.type, 11) AS has_error,
    m.has_failure AS has_failure,
    m.has_business_error AS has_business_error,
    m.can_report_rebuffering AS can_report_rebuffering,
    toUInt64(arraySum((ms, s) -> if(s = 1, ms, 0), m.counted_ms, m.state)) AS starting_ms,
    toUInt64(m.playing_ms) AS playing_ms,
    toUInt64(arraySum((ms, v) -> if(v = 1, ms, 0), m.played_ms, m.visible)) AS playing_hidden_ms,
    toUInt64(arraySum((ms, s) -> if(s = 3, ms, 0), m.counted_ms, m.state)) AS paused_ms,
    toUInt64(arraySum((ms, s) -> if(s = 4, ms, 0), m.counted_ms, m.state)) AS rebuffering_ms,
    toUInt64(arraySum((ms, s) -> if(s IN (5, 6), ms, 0), m.counted_ms, m.state)) AS seeking_ms,
    m.startup_ms AS startup_ms,
    toUInt32(length(m.episodes_ms)) AS rebuffer_episodes,
    m.rebuffer_episodes_ms AS rebuffer_episodes_ms,
    toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), m.played_ms, m.bitrate_kbps)) AS bitrate_known_ms,
    toUInt64(arraySum((ms, kbps) -> ms * kbps, m.played_ms, m.bitrate_kbps)) AS bitrate_kbps_ms,
    toUInt64(m.upscale_known_ms) AS upscale_known_ms,
    m.upscale_mean AS upscale_mean,
    m.upscale_max AS upscale_max,
    multiIf(
        NOT m.is_attempt, NULL,
        m.has_failure, toDecimal64(0, 9),
        m.has_business_error, NULL,
        NOT m.has_first_frame, toDecimal64(50, 9),
        m.score_weight = 0, NULL,
        toDecimal64(round(m.score, 9), 9)
    ) AS qoe_score,
    arrayMap(t -> t + m.skew_ms, arrayFilter((t, is_one) -> is_one, m.active_from, m.is_span_start)) AS span_starts_ms,
    arrayMap(t -> t + m.skew_ms, arrayFilter(
        (t, is_next_start) -> is_next_start,
        m.active_until,
        if(empty(m.is_span_start), [], arrayPushBack(arrayPopFront(m.is_span_start), 1))
    )) AS span_ends_ms,
    arrayDistinct(m.error_code_list) AS error_codes,
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
    m.first_timezone AS timezone
FROM measured AS m
INNER JOIN (
    SELECT session_id, stream_id, inserted_rows, scoped_at
    FROM refold_scope
    WHERE batch_id = {batch_id:UUID}
) AS scope ON scope.session_id = m.session_id AND scope.stream_id = m.stream_id;
