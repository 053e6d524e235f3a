-- purpose: sessions from their events: the one definition of the state fold and of every session's figures
-- grain: one session (stream_id, session_id) of the batch; columns are those of `sessions`
-- parameters: batch_id UUID: the batch of refold_scope to work out; max_events UInt64: later events are left out
-- reads: playback_events, refold_scope
-- The rules are in docs/metrics.md. Events are taken in the order (ts, seq, type); arrays run in step with them.
-- States: 0 idle, 1 starting, 2 playing, 3 paused, 4 rebuffering, 5 seeking, 7 failed, 8 ended. Every step is linear in
-- the session's length, so that a long or hostile session costs no more than its events.
CREATE OR REPLACE VIEW session_fold AS
WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    ordered AS (
        SELECT
            stream_id,
            session_id,
            count() AS events,
            ifNull(min(offset_ms), 0) AS skew_ms,
            max(event_ts) AS last_ts,
            groupArray(event_key) AS event_keys,
            arraySort(i -> event_keys[i], arrayEnumerate(event_keys)) AS key_order,
            arraySlice(key_order, 1, {max_events:UInt64}) AS event_order,
            arrayMap(i -> groupArray(event_ts)[i], event_order) AS ts,
            arrayMap(i -> groupArray(event_type)[i], event_order) AS type,
            arrayMap(i -> groupArray(event_type = 11 AND is_error_fatal)[i], event_order) AS is_fatal,
            arrayMap(i -> groupArray(is_error_business)[i], event_order) AS is_business,
            arrayMap(i -> groupArray(toInt8(visible))[i], event_order) AS visible_sent,
            arrayMap(i -> groupArray(bitrate_kbps)[i], event_order) AS bitrate_sent,
            arrayMap(i -> groupArray(width)[i], event_order) AS width_sent,
            arrayMap(i -> groupArray(height)[i], event_order) AS height_sent,
            arrayMap(i -> groupArray(player_width)[i], event_order) AS player_width_sent,
            arrayMap(i -> groupArray(player_height)[i], event_order) AS player_height_sent,
            (
                argMin(client_id, event_key),
                argMinIf(provider, event_key, provider != ''),
                argMinIf(player_name, event_key, player_name != ''),
                argMinIf(player_version, event_key, player_version != ''),
                argMinIf(country, event_key, country != ''),
                argMinIf(device, event_key, device NOT IN ('', 'unknown')),
                argMinIf(os, event_key, os != ''),
                argMinIf(browser, event_key, browser != ''),
                argMinIf(content_title, event_key, content_title != ''),
                argMinIf(content_duration_ms, event_key, content_duration_ms != 0),
                argMinIf(content_is_live, event_key, isNotNull(content_is_live)),
                argMinIf(page_url, event_key, page_url != ''),
                argMinIf(timezone, event_key, timezone != ''),
                arrayDistinct(arrayMap(
                    e -> e.2, arraySort(groupArrayIf((event_key, error_code), event_type = 11 AND error_code != ''))
                ))
            )::Tuple(  -- noqa: CP01
                client_id String, provider String, player_name String, player_version String, country String,
                device String, os String, browser String, title String, duration_ms UInt64, is_live Nullable(Bool),
                page_url String, timezone String, error_codes Array(String)
            ) AS first_known
        FROM (
            SELECT
                * EXCEPT (ts, type),
                ts AS event_ts,
                toInt8(type) AS event_type,
                offset_ms,
                bitShiftLeft(toUInt128(ts), 72) + bitShiftLeft(toUInt128(seq), 8)
                + toUInt128(toInt8(type)) AS event_key
            FROM playback_events FINAL
            WHERE (intDiv(ts, 86400000), session_id) IN (
                SELECT arrayJoin(days), session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
            )
        )
        GROUP BY stream_id, session_id
    ),
    -- What an event does not carry holds on from the one before it.
    -- set_state: the state that an event sets whatever was before, or -1.
    carried AS (
        SELECT
            stream_id, session_id, events, skew_ms, last_ts, first_known, ts, type,
            arrayPopFront(arrayPushBack(arrayDifference(ts), 0)) AS interval_ms,
            arrayMap(
                (t, is_one) -> multiIf(t = 2, 2, t = 3, 3, is_one, 7, t IN (12, 13), 8, -1), type, is_fatal
            ) AS set_state,
            arrayFill(v -> v != 0, visible_sent) AS visible,
            arrayFill(v -> v != 0, bitrate_sent) AS bitrate_kbps,
            arrayMap(
                (w, h, pw, ph) -> if(
                    w > 0 AND h > 0 AND pw > 0 AND ph > 0, greatest(least(pw / w, ph / h) - 1, 0), -1
                ),
                arrayFill(v -> v != 0, width_sent),
                arrayFill(v -> v != 0, height_sent),
                arrayFill(v -> v != 0, player_width_sent),
                arrayFill(v -> v != 0, player_height_sent)
            ) AS upscale,
            indexOf(type, 1) AS first_play,
            indexOf(type, 2) AS first_frame,
            arrayExists((f, b) -> f AND NOT b, is_fatal, is_business) AS has_failure,
            arrayExists((f, b) -> f AND b, is_fatal, is_business) AS has_business_error
        FROM ordered
    ),
    -- base: the state that the last event which always sets one has set; the other events only refine it.
    based AS (
        SELECT
            *,
            arrayMap(s -> greatest(s, 0), arrayFill(s -> s != -1, set_state)) AS base,
            arrayFill(
                t -> t != -1, arrayMap((t, s) -> multiIf(s != -1, 0, t IN (6, 7), t, -1), type, set_state)
            ) AS last_seek
        FROM carried
    ),
    refined AS (
        SELECT
            * EXCEPT (last_seek, set_state),
            arrayMap((t, b) -> t = 6 AND b IN (2, 3), last_seek, base) AS is_seeking,
            arrayPopBack(arrayPushFront(is_seeking, 0)) AS was_seeking,
            -- A play counts until the next event that sets a state.
            arrayFill(m -> m != -1, arrayMap(
                (t, s, b, is_sought, i) -> multiIf(
                    s != -1, 0,
                    t = 1 AND NOT is_sought AND (b IN (0, 7, 8) OR b = 3 AND (first_frame = 0 OR i < first_frame)), 1,
                    -1
                ),
                type, set_state, base, was_seeking, arrayEnumerate(type)
            )) AS is_starting,
            -- Within a seek nothing rebuffers, and its end is the end of the rebuffering before it.
            arrayFill(m -> m != -1, arrayMap(
                (t, s, is_sought) -> multiIf(
                    s != -1, 0, t = 4 AND NOT is_sought, 1, t = 5 AND NOT is_sought OR t = 7 AND is_sought, 0, -1
                ),
                type, set_state, was_seeking
            )) AS is_rebuffering
        FROM based
    ),
    folded AS (
        SELECT
            * EXCEPT (base, is_seeking, was_seeking, is_starting, is_rebuffering),
            arrayMap(
                (b, is_started, is_sought, is_stalled) -> multiIf(
                    is_started = 1, 1, is_sought, 5, b = 2 AND is_stalled = 1, 4, b
                ),
                base, is_starting, is_seeking, is_rebuffering
            ) AS state,
            arrayMap(ms -> if(ms <= max_gap_ms, ms, 0), interval_ms) AS counted_ms
        FROM refined
    ),
    -- A run of rebuffering begins after another state or a gap.
    timed AS (
        SELECT
            * EXCEPT (interval_ms, first_play),
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            arrayMap(
                (s, before, gap_ms) -> s = 4 AND (before != 4 OR gap_ms > max_gap_ms),
                state, arrayPopBack(arrayPushFront(state, 0)), arrayPopBack(arrayPushFront(interval_ms, 0))
            ) AS is_run_start,
            if(
                first_play > 0 AND first_play < first_frame
                AND NOT arrayExists(
                    ms -> ms > max_gap_ms, arraySlice(interval_ms, first_play, first_frame - first_play)
                )
                AND NOT has(arraySlice(visible, first_play, first_frame - first_play + 1), 1),
                toNullable(toUInt64(ts[first_frame] - ts[first_play])),
                NULL
            ) AS startup_ms
        FROM folded
    ),
    summed AS (
        SELECT
            * EXCEPT (played_ms, is_run_start, visible, bitrate_kbps, upscale),
            toUInt64(arraySum(played_ms)) AS playing_ms,
            toUInt64(arraySum((ms, v) -> if(v = 1, ms, 0), played_ms, visible)) AS playing_hidden_ms,
            toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), played_ms, bitrate_kbps)) AS bitrate_known_ms,
            toUInt64(arraySum((ms, kbps) -> ms * kbps, played_ms, bitrate_kbps)) AS bitrate_kbps_ms,
            toUInt64(arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale)) AS upscale_known_ms,
            arraySum((ms, u) -> if(u >= 0, ms * u, 0), played_ms, upscale) AS upscale_ms,
            arrayMax((ms, u) -> if(ms > 0, greatest(u, 0), 0), played_ms, upscale) AS upscale_max,
            arrayFilter(ms -> ms >= min_rebuffer_ms, arrayMap(run -> arraySum(run), arraySplit(
                (ms, is_start) -> is_start,
                arrayFilter((ms, s) -> s = 4, counted_ms, state),
                arrayFilter((is_start, s) -> s = 4, is_run_start, state)
            ))) AS episodes_ms,
            arrayMap(
                (s, t, ms, run_ts) -> if(s = 4, least(t + ms + 1, run_ts + max_rebuffer_active_ms), t + ms + 1),
                state, ts, counted_ms,
                arrayFill(t -> t != -1, arrayMap((is_start, t) -> if(is_start, t, -1), is_run_start, ts))
            ) AS until_ts
        FROM timed
    ),
    measured AS (
        SELECT
            * EXCEPT (until_ts, upscale_ms, episodes_ms),
            arrayFilter((t, s, until) -> s IN (1, 2, 4, 5) AND t < until, ts, state, until_ts) AS active_from,
            arrayFilter((until, s, t) -> s IN (1, 2, 4, 5) AND t < until, until_ts, state, ts) AS active_until,
            arrayExists(s -> s IN (1, 2, 7), state) AND (
                first_frame > 0 OR has_failure OR has_business_error OR last_ts - ts[1] >= 1000
            ) AS is_attempt,
            first_known.provider != 'bunny' AS can_report_rebuffering,
            toUInt32(length(episodes_ms)) AS rebuffer_episodes,
            toUInt64(arraySum(episodes_ms)) AS rebuffer_episodes_ms,
            upscale_ms / greatest(upscale_known_ms, 1) AS upscale_mean
        FROM summed
    ),
    -- Parts of the score: (weight, or 0 where the part is unknown; score).
    scored AS (
        SELECT
            *,
            arrayMap(
                (t, until) -> t > until, active_from, arrayPopBack(arrayPushFront(active_until, -1))
            ) AS is_span_start,
            [
                (0.30 * isNotNull(startup_ms), 800 / (8 + ifNull(startup_ms, 0) / 1000)),
                (
                    0.45 * can_report_rebuffering,
                    (
                        100 / sqrt(1 + pow(rebuffer_episodes / 2, 2))
                        + 100 * exp(if(
                            playing_ms = 0, 0, -10 * rebuffer_episodes_ms / (playing_ms + rebuffer_episodes_ms)
                        ))
                    ) / 2
                ),
                (0.25 * (upscale_known_ms > 0), 100 * exp(-0.33 * (0.15 * upscale_max + 0.85 * upscale_mean)))
            ] AS score_parts
        FROM measured
    )
SELECT
    m.stream_id AS stream_id,
    m.session_id AS session_id,
    toUnixTimestamp64Nano(scope.scoped_at)::UInt64 AS version,
    scope.inserted_rows AS folded_rows,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli(m.ts[1] + m.skew_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(m.last_ts + m.skew_ms, 'UTC') AS last_at,
    m.skew_ms AS skew_ms,
    toUInt32(m.events) AS events,
    m.events > {max_events:UInt64} AS is_truncated,
    m.first_known.client_id AS client_id,
    m.first_known.device = 'bot' AS is_bot,
    m.is_attempt AS is_attempt,
    m.is_attempt AND m.first_frame > 0 AS is_play,
    has(m.type, 11) AS has_error,
    m.has_failure AS has_failure,
    m.has_business_error AS has_business_error,
    m.can_report_rebuffering AS can_report_rebuffering,
    toUInt64(arraySum((ms, s) -> if(s = 1, ms, 0), m.counted_ms, m.state)) AS starting_ms,
    m.playing_ms AS playing_ms,
    m.playing_hidden_ms AS playing_hidden_ms,
    toUInt64(arraySum((ms, s) -> if(s = 3, ms, 0), m.counted_ms, m.state)) AS paused_ms,
    toUInt64(arraySum((ms, s) -> if(s = 4, ms, 0), m.counted_ms, m.state)) AS rebuffering_ms,
    toUInt64(arraySum((ms, s) -> if(s = 5, ms, 0), m.counted_ms, m.state)) AS seeking_ms,
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
        arraySum(p -> p.1, m.score_parts) = 0, NULL,
        toDecimal64(
            round(arraySum(p -> p.1 * p.2, m.score_parts) / greatest(arraySum(p -> p.1, m.score_parts), 0.01), 9), 9
        )
    ) AS qoe_score,
    arrayMap(t -> t + m.skew_ms, arrayFilter((t, is_one) -> is_one, m.active_from, m.is_span_start)) AS span_starts_ms,
    arrayMap(t -> t + m.skew_ms, arrayFilter(
        (t, is_next_start) -> is_next_start,
        m.active_until,
        arrayPopFront(arrayPushBack(m.is_span_start, 1))
    )) AS span_ends_ms,
    m.first_known.error_codes AS error_codes,
    m.first_known.provider AS provider,
    m.first_known.player_name AS player_name,
    m.first_known.player_version AS player_version,
    m.first_known.country AS country,
    if(m.first_known.device = '', 'unknown', m.first_known.device) AS device,
    m.first_known.os AS os,
    m.first_known.browser AS browser,
    m.first_known.title AS content_title,
    m.first_known.duration_ms AS content_duration_ms,
    m.first_known.is_live AS content_is_live,
    m.first_known.page_url AS page_url,
    m.first_known.timezone AS timezone
FROM scored AS m
INNER JOIN (
    SELECT session_id, stream_id, inserted_rows, scoped_at
    FROM refold_scope
    WHERE batch_id = {batch_id:UUID}
) AS scope ON scope.session_id = m.session_id AND scope.stream_id = m.stream_id;
