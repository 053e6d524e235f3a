-- purpose: sessions from their events: the one definition of the state fold and of every session's figures
-- grain: one session (stream_id, session_id); columns are those of `sessions`: the sessions of the batch, worked out
--   whole from their events; and those that go on from their rows, by what arrived since. Of the latter only those come
--   out whose new events all sort after the row's last; the others have to be worked out whole
-- parameters: batch_id UUID: the batch of refold_scope to work out whole; max_events UInt64: later events are left out
--   arrived_after, arrived_until Int64: stamps in ns of the arrivals to go on with: in (arrived_after, arrived_until]
--   slice, slices UInt64: of those, only the sessions in this one of so many slices, and none of the batch
-- reads: playback_events, refold_scope; arrivals, sessions
-- The rules are in docs/metrics.md. Events are taken in the order (ts, seq, type); arrays run in step with them. The
-- first element, the lead, stands for all events before: the row's accumulator, or that of no event at all, which is
-- zero. So a session comes out the same however its events were split (docs/decisions/0007-go-on-from-the-row.md).
-- Every step is linear in the number of events, so that a long or hostile session costs no more than its events.
CREATE OR REPLACE VIEW session_fold AS
WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    -- An event's key sorts as (ts, seq, type) do. Its lowest 16 bits are the event's code: its kind (bits 8 to 12),
    -- whether it sets a state (7), does anything (6), carries a bitrate (5) or a size (4), and visible (0 and 1).
    -- Kinds: 1 play, 2 playing, 3 pause, 4 and 5 rebuffering's start and end, 6 and 7 a seek's, 8 heartbeat, 9 quality,
    -- 10 visibility, 11 error, 12 fatal error, 13 fatal business error, 14 ended, 15 quit, 16 other.
    grouped AS (
        SELECT
            stream_id,
            session_id,
            max(arrival_ns) > 0 AS is_going_on,
            count() AS new_events,
            min(arrival_ns) AS first_arrival_ns,
            uniqExactIf((event_ts, event_seq), arrival_ns > 0) AS new_keys,
            min(event_offset_ms) AS new_skew_ms,
            max(event_ts) AS last_ts,
            arraySlice(arraySort(groupArray(event_key)), 1, {max_events:UInt64}) AS event_keys,
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
                * EXCEPT (ts, seq),
                ts AS event_ts,
                seq AS event_seq,
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
            FROM (
                SELECT
                    toInt64(0) AS arrival_ns, stream_id, session_id, client_id, ts, seq, type, offset_ms,
                    bitrate_kbps, width, height, player_width, player_height, visible, error_code, is_error_fatal,
                    is_error_business, provider, player_name, player_version, content_title, content_duration_ms,
                    content_is_live, page_url, timezone, country, device, os, browser
                FROM playback_events FINAL
                WHERE (intDiv(ts, 86400000), session_id) IN (
                    SELECT arrayJoin(days), session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
                )
                UNION ALL
                SELECT
                    toUnixTimestamp64Nano(stamped_at) AS arrival_ns, stream_id, session_id, '' AS client_id, ts,
                    seq, type, offset_ms, bitrate_kbps, width, height, player_width, player_height, visible,
                    error_code, is_error_fatal, is_error_business, provider, player_name, player_version,
                    content_title, content_duration_ms, content_is_live, page_url, timezone, country, device, os,
                    browser
                FROM arrivals
                WHERE stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')
                    AND stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')
                    AND sipHash64(session_id) % {slices:UInt64} = {slice:UInt64}
                    AND (stream_id, session_id) NOT IN (
                        SELECT stream_id, session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
                    )
            )
        )
        GROUP BY stream_id, session_id
    ),
    -- The rows of the sessions that go on, as far as they do not stand for more than what arrived before. The newest
    -- are found by their versions first: FINAL would merge all that is there, and sorting would read all of each row.
    -- Those of the batch are left out, although they had no row when they were listed: another round may have written
    -- one since.
    begun AS (
        SELECT
            stream_id AS was_stream_id,
            session_id AS was_session_id,
            version AS was_version,
            folded_rows AS was_folded_rows,
            toUnixTimestamp64Milli(started_at) - skew_ms AS was_first_ts,
            toUnixTimestamp64Milli(last_at) - skew_ms AS was_last_ts,
            toDate(started_at) AS was_first_day,
            toDate(last_at) AS was_last_day,
            skew_ms AS was_skew_ms,
            events AS was_events,
            client_id AS was_client_id,
            is_play AS was_play,
            has_error AS was_error,
            has_failure AS was_failure,
            has_business_error AS was_business_error,
            starting_ms AS was_starting_ms,
            playing_ms AS was_playing_ms,
            playing_hidden_ms AS was_playing_hidden_ms,
            paused_ms AS was_paused_ms,
            rebuffering_ms AS was_rebuffering_ms,
            seeking_ms AS was_seeking_ms,
            startup_ms AS was_startup_ms,
            rebuffer_episodes AS was_rebuffer_episodes,
            rebuffer_episodes_ms AS was_rebuffer_episodes_ms,
            bitrate_known_ms AS was_bitrate_known_ms,
            bitrate_kbps_ms AS was_bitrate_kbps_ms,
            upscale_known_ms AS was_upscale_known_ms,
            upscale_max AS was_upscale_max,
            span_starts_ms AS was_span_starts_ms,
            span_ends_ms AS was_span_ends_ms,
            error_codes AS was_error_codes,
            provider AS was_provider,
            player_name AS was_player_name,
            player_version AS was_player_version,
            country AS was_country,
            device AS was_device,
            os AS was_os,
            browser AS was_browser,
            content_title AS was_content_title,
            content_duration_ms AS was_content_duration_ms,
            content_is_live AS was_content_is_live,
            page_url AS was_page_url,
            timezone AS was_timezone,
            accumulator.state AS was_state,
            accumulator.seq AS was_seq,
            accumulator.kbps AS was_kbps,
            (accumulator.width, accumulator.height, accumulator.player_width, accumulator.player_height) AS was_sizes,
            accumulator.first_play_ms AS was_first_play_ms,
            accumulator.open_rebuffer_ms AS was_open_rebuffer_ms,
            accumulator.upscale_nanos_ms AS was_upscale_nanos_ms
        FROM (
            SELECT *
            FROM sessions
            WHERE last_week >= toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7
                AND (stream_id, session_id, version) IN (
                    SELECT every.stream_id, every.session_id, max(every.version)
                    FROM sessions AS every
                    WHERE last_week >= toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7
                        AND (stream_id, session_id) IN (
                            SELECT stream_id, session_id
                            FROM arrivals
                            WHERE stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')
                                AND stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')
                                AND sipHash64(session_id) % {slices:UInt64} = {slice:UInt64}
                        )
                        AND (stream_id, session_id) NOT IN (
                            SELECT stream_id, session_id FROM refold_scope WHERE batch_id = {batch_id:UUID}
                        )
                    GROUP BY stream_id, session_id
                )
        )
        WHERE NOT is_truncated
    ),
    -- Heartbeats and the like change nothing but how much time is vouched for: once gaps are known they are left out.
    -- What stays: events that do something, and those next to a gap or at the end. Further bits of an event's code:
    -- a gap, or nothing, comes after it (16); it stays (17).
    coded AS (
        SELECT
            * EXCEPT (event_keys, new_keys, was_first_ts, was_last_ts),
            if(is_going_on, was_first_ts, event_times[2]) AS first_ts,
            toUInt64(bitShiftRight(event_keys[-1], 16)) AS last_seq,
            arrayPushFront(
                arrayMap(k -> toInt64(bitShiftRight(k, 80)), event_keys),
                if(is_going_on, was_last_ts, toInt64(bitShiftRight(event_keys[1], 80)))
            ) AS event_times,
            arrayDifference(event_times) AS ms_before,
            arrayShiftLeft(ms_before, 1, max_gap_ms + 1) AS ms_after,
            arrayMap(
                (k, before, after) -> toUInt32(k)
                + (after > max_gap_ms) * 65536
                + (bitTest(k, 6) OR before > max_gap_ms OR after > max_gap_ms) * 131072,
                -- The lead carries a bitrate, a size, and visible.
                arrayPushFront(
                    arrayMap(k -> toUInt16(k), event_keys), toUInt16(112 + bitAnd(bitShiftRight(was_state, 6), 3))
                ),
                ms_before,
                ms_after
            ) AS event_codes
        FROM grouped AS g
        LEFT ANY JOIN (
            SELECT
                session_id AS scope_session_id,
                stream_id AS scope_stream_id,
                inserted_rows,
                version AS scope_version,
                was_first_day AS scope_first_day,
                was_last_day AS scope_last_day
            FROM refold_scope
            WHERE batch_id = {batch_id:UUID}
        ) AS scope ON scope_session_id = g.session_id AND scope_stream_id = g.stream_id
        LEFT ANY JOIN begun ON was_session_id = g.session_id AND was_stream_id = g.stream_id
        WHERE if(
            is_going_on,
            bitTest(was_state, 0) AND first_arrival_ns > was_version AND new_keys = new_events
                AND bitShiftRight(event_keys[1], 16) > bitShiftLeft(toUInt128(was_last_ts), 64) + was_seq
                AND was_last_day >= toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 5
                AND was_events + new_events <= {max_events:UInt64},
            inserted_rows > 0
        )
    ),
    -- What an event does not carry holds on from the one before it.
    carried AS (
        SELECT
            * EXCEPT (event_times, ms_before, ms_after, event_codes),
            arrayFilter((t, c) -> bitTest(c, 17), event_times, event_codes) AS ts,
            arrayFilter(c -> bitTest(c, 17), event_codes) AS code,
            arrayMap(c -> toUInt8(bitAnd(bitShiftRight(c, 8), 31)), code) AS kind,
            arrayFill(c -> bitAnd(c, 3) != 0, code) AS visible_code,
            arrayPushFront(sent_kbps, was_kbps) AS every_kbps,
            arrayMap(i -> every_kbps[i], arrayCumSum(c -> bitTest(c, 5), code)) AS bitrate_kbps,
            arrayFill(v -> v != 0, arrayPushFront(sent_sizes.2, was_sizes.1)) AS widths,
            arrayFill(v -> v != 0, arrayPushFront(sent_sizes.3, was_sizes.2)) AS heights,
            arrayFill(v -> v != 0, arrayPushFront(sent_sizes.4, was_sizes.3)) AS player_widths,
            arrayFill(v -> v != 0, arrayPushFront(sent_sizes.5, was_sizes.4)) AS player_heights,
            arrayMap(
                (w, h, pw, ph) -> if(
                    w > 0 AND h > 0 AND pw > 0 AND ph > 0, greatest(least(pw / w, ph / h) - 1, 0), -1
                ),
                widths, heights, player_widths, player_heights
            ) AS sent_upscales,
            arrayMap(i -> sent_upscales[i], arrayCumSum(c -> bitTest(c, 4), code)) AS upscale,
            indexOf(kind, 1) AS first_play,
            indexOf(kind, 2) AS first_frame
        FROM coded
    ),
    -- base: the last event that always sets a state; the others only refine it.
    based AS (
        SELECT
            * EXCEPT (sent_kbps, every_kbps, sent_sizes, sent_upscales),
            arrayPopFront(kind) AS kinds,
            arrayFill(
                (k, c) -> bitTest(c, 7),
                arrayPushFront(kinds, [0, 2, 3, 0][bitAnd(bitShiftRight(was_state, 1), 3) + 1]),
                code
            ) AS base,
            arrayMap(
                (k, b) -> k = 6 AND (b = 2 OR b = 3),
                arrayFill(
                    (k, c) -> k = 6 OR k = 7 OR bitTest(c, 7),
                    arrayPushFront(kinds, if(bitTest(was_state, 3), 6, 0)),
                    code
                ),
                base
            ) AS is_seeking,
            arrayShiftRight(is_seeking, 1) AS was_seeking,
            arrayMap(
                (t, next_t, c) -> if(bitTest(c, 16), 0, next_t - t), ts, arrayShiftLeft(ts, 1), code
            ) AS counted_ms
        FROM carried
    ),
    -- A play counts until the next event that sets a state. Within a seek nothing rebuffers, and its end is the end of
    -- the rebuffering before it. States: 1 starting, 2 playing, 3 paused, 4 rebuffering, 5 seeking, 0 any other.
    folded AS (
        SELECT
            * EXCEPT (was_seeking, kind, kinds),
            was_failure OR has(kind, 12) AS has_failure,
            was_business_error OR has(kind, 13) AS has_business_error,
            was_error OR has_failure OR has_business_error OR has(kind, 11) AS has_error,
            arrayFill(
                (k, c, b, is_sought, i) -> bitTest(c, 7) OR k = 1 AND NOT is_sought AND b != 2
                    AND (b != 3 OR NOT was_play AND (first_frame = 0 OR i < first_frame)),
                arrayPushFront(kinds, toUInt8(bitTest(was_state, 4))), code, base, was_seeking, arrayEnumerate(kind)
            ) AS start,
            arrayFill(
                (k, c, is_sought) -> bitTest(c, 7) OR if(is_sought, k = 7, k = 4 OR k = 5),
                arrayPushFront(kinds, if(bitTest(was_state, 5), 4, 0)), code, was_seeking
            ) AS stall,
            arrayMap(
                (b, is_sought, start, stall) -> multiIf(
                    start = 1, 1, is_sought, 5, b = 2, if(stall = 4, 4, 2), b = 3, 3, 0
                ),
                base, is_seeking, start, stall
            ) AS state
        FROM based
    ),
    timed AS (
        SELECT
            *,
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            -- A run of rebuffering begins after another state or a gap.
            arrayMap(
                (s, before, c) -> s = 4 AND (before != 4 OR bitTest(c, 16)),
                state, arrayShiftRight(state, 1), arrayShiftRight(code, 1)
            ) AS is_run_start,
            -- Startup: from the first play, or the lead when it was before, to the first frame, or as far as it went.
            bitTest(was_state, 10) OR first_play > 0 AS has_play,
            if(bitTest(was_state, 10), 1, first_play) AS play_at,
            if(bitTest(was_state, 10), first_ts + toInt64(was_first_play_ms), ts[first_play]) AS play_ts,
            if(first_frame > 0, first_frame, length(ts)) AS startup_end,
            NOT was_play AND has_play AND (first_frame = 0 OR play_at < first_frame) AS is_startup
        FROM folded
    ),
    run AS (
        SELECT
            *,
            arrayMap((ms, u) -> if(ms > 0 AND u > 0, toUInt64(round(u * 1000000000)), 0), played_ms, upscale) AS nanos,
            is_startup AND (
                bitTest(was_state, 11)
                OR arrayExists(c -> bitTest(c, 16), arraySlice(code, play_at, startup_end - play_at))
                OR arrayExists(c -> bitAnd(c, 3) = 1, arraySlice(visible_code, play_at, startup_end - play_at + 1))
            ) AS is_startup_void,
            bitTest(was_state, 9) OR arrayExists(s -> s = 1 OR s = 2, state) AS has_begun,
            was_play OR first_frame > 0 AS has_frame,
            arrayMap(run -> arraySum(run), arraySplit(
                (ms, is_start) -> is_start,
                arrayFilter(
                    (ms, s) -> s = 4,
                    arrayPushFront(arrayPopFront(counted_ms), counted_ms[1] + toInt64(was_open_rebuffer_ms)),
                    state
                ),
                arrayFilter((is_start, s) -> s = 4, is_run_start, state)
            )) AS runs_ms
        FROM timed
    ),
    summed AS (
        SELECT
            * EXCEPT (played_ms, is_run_start, visible_code, bitrate_kbps, upscale, code, state, counted_ms),
            multiIf(
                was_play, was_startup_ms,
                is_startup AND first_frame > 0 AND NOT is_startup_void, toNullable(toUInt64(ts[first_frame] - play_ts)),
                NULL
            ) AS startup_ms,
            was_starting_ms + toUInt64(arraySum((s, ms) -> if(s = 1, ms, 0), state, counted_ms)) AS starting_ms,
            was_paused_ms + toUInt64(arraySum((s, ms) -> if(s = 3, ms, 0), state, counted_ms)) AS paused_ms,
            was_rebuffering_ms + toUInt64(arraySum((s, ms) -> if(s = 4, ms, 0), state, counted_ms)) AS rebuffering_ms,
            was_seeking_ms + toUInt64(arraySum((s, ms) -> if(s = 5, ms, 0), state, counted_ms)) AS seeking_ms,
            was_playing_ms + toUInt64(arraySum(played_ms)) AS playing_ms,
            was_playing_hidden_ms
            + toUInt64(arraySum((ms, c) -> if(bitAnd(c, 3) = 1, ms, 0), played_ms, visible_code)) AS playing_hidden_ms,
            was_bitrate_known_ms
            + toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), played_ms, bitrate_kbps)) AS bitrate_known_ms,
            was_bitrate_kbps_ms
            + toUInt64(arraySum((ms, kbps) -> ms * kbps, played_ms, bitrate_kbps)) AS bitrate_kbps_ms,
            was_upscale_known_ms
            + toUInt64(arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale)) AS upscale_known_ms,
            -- In two sums, of thousandths and of billionths below them, since one could overflow.
            was_upscale_nanos_ms
            + toUInt128(arraySum((ms, n) -> ms * intDiv(n, 1000000), played_ms, nanos)) * 1000000
            + toUInt128(arraySum((ms, n) -> ms * (n % 1000000), played_ms, nanos)) AS upscale_nanos_ms,
            greatest(
                was_upscale_max, arrayMax((ms, u) -> if(ms > 0 AND u > 0, u, 0), played_ms, upscale)
            ) AS upscale_max,
            arrayFilter(ms -> ms >= min_rebuffer_ms, runs_ms) AS episodes_ms,
            if(state[-1] = 4, toUInt64(runs_ms[-1]), 0) AS open_rebuffer_ms,
            was_open_rebuffer_ms >= min_rebuffer_ms AS was_open_episode,
            toUInt16(
                1
                + multiIf(base[-1] = 2, 2, base[-1] = 3, 4, 0)
                + is_seeking[-1] * 8
                + (start[-1] = 1) * 16
                + (stall[-1] = 4) * 32
                + bitAnd(visible_code[-1], 3) * 64
                + (bitTest(was_state, 8) OR isNotNull(new_skew_ms)) * 256
                + has_begun * 512
                + has_play * 1024
                + (is_startup_void AND NOT has_frame) * 2048
            ) AS end_state,
            bitrate_kbps[-1] AS end_kbps,
            if(has_play AND NOT has_frame, toUInt64(play_ts - first_ts), 0) AS first_play_ms,
            arrayMap(
                (s, t, ms, run_ts) -> multiIf(
                    s = 4, least(t + ms + 1, run_ts + max_rebuffer_active_ms), s = 0 OR s = 3, 0, t + ms + 1
                ),
                state,
                ts,
                counted_ms,
                arrayFill(
                    (t, is_start) -> is_start,
                    arrayPushFront(arrayPopFront(ts), ts[1] - toInt64(was_open_rebuffer_ms)),
                    is_run_start
                )
            ) AS until_ts
        FROM run
    ),
    measured AS (
        SELECT
            * EXCEPT (until_ts, episodes_ms, runs_ms, nanos, ts),
            arrayConcat(
                arrayMap(t -> t - was_skew_ms, was_span_starts_ms), arrayFilter((t, until) -> t < until, ts, until_ts)
            ) AS active_from,
            arrayConcat(
                arrayMap(t -> t - was_skew_ms, was_span_ends_ms), arrayFilter((until, t) -> t < until, until_ts, ts)
            ) AS active_until,
            arrayMap((t, until) -> t > until, active_from, arrayShiftRight(active_until, 1, -1)) AS is_span_start,
            multiIf(
                NOT bitTest(was_state, 8), ifNull(new_skew_ms, 0), ifNull(least(new_skew_ms, was_skew_ms), was_skew_ms)
            ) AS skew_ms,
            (has_begun OR has_failure OR has_business_error) AND (
                has_frame OR has_failure OR has_business_error OR last_ts - first_ts >= 1000
            ) AS is_attempt,
            if(was_provider != '', was_provider, first_provider) AS known_provider,
            if(was_device NOT IN ('', 'unknown'), was_device, first_device) AS known_device,
            known_provider != 'bunny' AS can_report_rebuffering,
            toUInt32(was_rebuffer_episodes - was_open_episode + length(episodes_ms)) AS rebuffer_episodes,
            toUInt64(
                was_rebuffer_episodes_ms - if(was_open_episode, was_open_rebuffer_ms, 0)
                + toUInt64(arraySum(episodes_ms))
            ) AS rebuffer_episodes_ms,
            if(is_going_on, was_first_day, scope_first_day) AS known_first_day,
            upscale_nanos_ms / 1000000000. / greatest(upscale_known_ms, 1) AS upscale_mean
        FROM summed
    ),
    -- Parts of the score: their weights, 0 where a part is unknown, and their values.
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
    if(m.is_going_on, toUInt64({arrived_until:Int64}), m.scope_version) AS version,
    if(m.is_going_on, m.was_folded_rows + m.new_events, m.inserted_rows) AS folded_rows,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli(m.first_ts + m.skew_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(m.last_ts + m.skew_ms, 'UTC') AS last_at,
    toInt32(m.skew_ms) AS skew_ms,
    toUInt32(m.was_events + m.new_events) AS events,
    events > {max_events:UInt64} AS is_truncated,
    if(m.is_going_on, m.was_client_id, m.first_client_id) AS client_id,
    m.known_device = 'bot' AS is_bot,
    m.is_attempt AS is_attempt,
    m.has_frame AS is_play,
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
    m.upscale_max AS upscale_max,
    multiIf(
        NOT m.is_attempt, NULL,
        m.has_failure, toDecimal64(0, 9),
        m.has_business_error, NULL,
        NOT m.has_frame, toDecimal64(50, 9),
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
    arrayDistinct(arrayConcat(m.was_error_codes, arrayMap(e -> e.2, m.coded_errors))) AS error_codes,
    m.known_provider AS provider,
    if(m.was_player_name != '', m.was_player_name, m.first_player_name) AS player_name,
    if(m.was_player_version != '', m.was_player_version, m.first_player_version) AS player_version,
    if(m.was_country != '', m.was_country, m.first_country) AS country,
    if(m.known_device = '', 'unknown', m.known_device) AS device,
    if(m.was_os != '', m.was_os, m.first_os) AS os,
    if(m.was_browser != '', m.was_browser, m.first_browser) AS browser,
    if(m.was_content_title != '', m.was_content_title, m.first_title) AS content_title,
    if(m.was_content_duration_ms != 0, m.was_content_duration_ms, m.first_duration_ms) AS content_duration_ms,
    ifNull(m.was_content_is_live, m.first_is_live) AS content_is_live,
    if(m.was_page_url != '', m.was_page_url, m.first_page_url) AS page_url,
    if(m.was_timezone != '', m.was_timezone, m.first_timezone) AS timezone,
    if(m.known_first_day = toDate(0), toDate(started_at), least(toDate(started_at), m.known_first_day)) AS changed_from,
    greatest(
        toDate(last_at),
        toDate(fromUnixTimestamp64Milli(span_ends_ms[-1], 'UTC')),
        if(m.is_going_on, m.was_last_day, m.scope_last_day)
    ) AS changed_to,
    CAST(
        (
            m.end_state, m.last_seq, m.end_kbps, m.widths[-1], m.heights[-1], m.player_widths[-1], m.player_heights[-1],
            m.first_play_ms, m.open_rebuffer_ms, m.upscale_nanos_ms
        ),
        'Tuple(state UInt16, seq UInt64, kbps UInt32, width UInt32, height UInt32, player_width UInt32, '
        || 'player_height UInt32, first_play_ms UInt64, open_rebuffer_ms UInt64, upscale_nanos_ms UInt128)'
    ) AS accumulator
FROM scored AS m;
