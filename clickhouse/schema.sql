CREATE TABLE api_keys
(
    `key_id` UUID,
    `key_sha256` String,
    `name` String,
    `organizer_id` String,
    `created_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `version` UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    `is_deleted` UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY key_id;

CREATE TABLE client_sessions
(
    `stream_id` LowCardinality(String),
    `client_id` String CODEC(ZSTD(3)),
    `session_id` UUID,
    `last_touched_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (stream_id, client_id, session_id)
TTL toDateTime(last_touched_at) + toIntervalDay(90)
SETTINGS index_granularity = 512;

CREATE MATERIALIZED VIEW client_sessions_writer TO client_sessions
(
    `stream_id` LowCardinality(String),
    `client_id` String,
    `session_id` UUID,
    `last_touched_at` DateTime64(3, 'UTC')
)
AS SELECT
    stream_id,
    client_id,
    session_id,
    now64(3, 'UTC') AS last_touched_at
FROM playback_events
GROUP BY
    stream_id,
    client_id,
    session_id;

CREATE TABLE dead_letters
(
    `received_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(3)),
    `protocol` LowCardinality(String),
    `stream_id` String CODEC(ZSTD(3)),
    `reason` LowCardinality(String),
    `message` String CODEC(ZSTD(3)),
    `payload` String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY (received_at, protocol, reason)
TTL toDateTime(received_at) + toIntervalDay(7);

CREATE VIEW metrics_by
AS WITH
    registry AS
    (
        SELECT
            stream_id,
            organizer_id
        FROM streams
        FINAL
    ),
    clipped AS
    (
        SELECT
            *,
            toUnixTimestamp64Milli(started_at) AS started_ms,
            toUnixTimestamp64Milli(last_at) AS last_ms,
            (started_ms >= {from_ms:Int64}) AND (started_ms < {to_ms:Int64}) AS is_started,
            arrayMap(a -> greatest(a, {from_ms:Int64}), span_starts_ms) AS clipped_starts_ms,
            arrayMap(b -> least(b, {to_ms:Int64}), span_ends_ms) AS clipped_ends_ms
        FROM sessions_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64})
        WHERE ({include_bots:Bool} OR (NOT is_bot)) AND (({stream_id:String} = '') OR (stream_id = {stream_id:String})) AND (({provider:String} = '') OR (provider = {provider:String})) AND (({country:String} = '') OR (country = {country:String})) AND (({device:String} = '') OR (device = {device:String}))
    ),
    in_view AS
    (
        SELECT
            c.*,
            CAST(multiIf({by:String} = 'stream_id', c.stream_id, {by:String} = 'country', c.country, {by:String} = 'device', c.device, {by:String} = 'os', c.os, {by:String} = 'browser', c.browser, {by:String} = 'player', c.player_name, {by:String} = 'provider', c.provider, ''), 'String') AS value,
            c.is_started AND c.is_attempt AS is_started_attempt,
            c.is_started AND c.is_play AS is_started_play,
            c.is_started AND c.is_play AND c.can_report_rebuffering AS is_rebuffering_known,
            sipHash64(r.organizer_id, c.client_id) AS viewer,
            arrayFilter((a, b) -> (a < b), c.clipped_starts_ms, c.clipped_ends_ms) AS starts_ms,
            arrayFilter((b, a) -> (a < b), c.clipped_ends_ms, c.clipped_starts_ms) AS ends_ms
        FROM clipped AS c
        ANY LEFT JOIN registry AS r ON r.stream_id = c.stream_id
        WHERE (c.is_started OR arrayExists((a, b) -> (a < b), c.clipped_starts_ms, c.clipped_ends_ms)) AND (({organizer_id:String} = '') OR (r.organizer_id = {organizer_id:String}))
    ),
    summed AS
    (
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
            quantilesDDIf(0.005, 0.5, 0.95)(assumeNotNull(startup_ms), is_started_play AND isNotNull(startup_ms)) AS startup_quantiles_ms,
            countIf(is_rebuffering_known) AS rebuffering_known_plays,
            sumIf(rebuffer_episodes, is_rebuffering_known) AS total_rebuffers,
            sumIf(rebuffer_episodes_ms, is_rebuffering_known) AS total_rebuffer_ms,
            total_rebuffer_ms + sumIf(playing_ms, is_rebuffering_known) AS total_demand_ms,
            countIf(is_started_attempt AND has_failure) AS failed_attempts,
            countIf(is_started_attempt AND has_business_error) AS business_error_attempts,
            countIf(is_started_attempt AND has_error) AS error_attempts,
            countIf(is_started_attempt AND (NOT (is_play OR has_failure OR has_business_error))) AS ebvs_attempts,
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

CREATE TABLE playback_events
(
    `stream_id` LowCardinality(String),
    `session_id` UUID,
    `client_id` String CODEC(ZSTD(3)),
    `ts` Int64 CODEC(DoubleDelta, ZSTD(3)),
    `seq` UInt64 CODEC(Delta(8), ZSTD(3)),
    `type` Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14) CODEC(ZSTD(3)),
    `received_ms` Int64 EPHEMERAL,
    `sent_offset_ms` Nullable(Int32) EPHEMERAL,
    `version` UInt64 DEFAULT bitNot(bitOr(bitShiftLeft(toUInt64(if(isNull(sent_offset_ms), 268435455, assumeNotNull(sent_offset_ms) + 86400000)), 36), toUInt64((received_ms - (intDiv(ts, 86400000) * 86400000)) + 172800000))) CODEC(Delta(8), ZSTD(3)),
    `event_day` Date DEFAULT toDate(intDiv(ts + ifNull(sent_offset_ms, 0), 86400000)) CODEC(ZSTD(3)),
    `position_ms` Nullable(UInt64) CODEC(Delta(8), ZSTD(3)),
    `bitrate_kbps` UInt32 CODEC(ZSTD(3)),
    `width` UInt32 CODEC(ZSTD(3)),
    `height` UInt32 CODEC(ZSTD(3)),
    `player_width` UInt32 CODEC(ZSTD(3)),
    `player_height` UInt32 CODEC(ZSTD(3)),
    `dropped_frames` Nullable(UInt32) CODEC(ZSTD(3)),
    `visible` Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2) CODEC(ZSTD(3)),
    `muted` Nullable(Bool) CODEC(ZSTD(3)),
    `playback_rate` Nullable(Float32) CODEC(ZSTD(3)),
    `error_code` LowCardinality(String),
    `error_message` String CODEC(ZSTD(3)),
    `is_error_fatal` Bool CODEC(ZSTD(3)),
    `is_error_business` Bool CODEC(ZSTD(3)),
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `content_title` String CODEC(ZSTD(3)),
    `content_duration_ms` UInt64 CODEC(ZSTD(3)),
    `content_is_live` Nullable(Bool) CODEC(ZSTD(3)),
    `page_url` String CODEC(ZSTD(3)),
    `timezone` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `offset_ms` Nullable(Int32) ALIAS if(bitShiftRight(bitNot(version), 36) = 268435455, NULL, toInt32(toInt64(bitShiftRight(bitNot(version), 36)) - 86400000)),
    `received_at` DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli((toInt64(bitAnd(bitNot(version), 68719476735)) - 172800000) + (intDiv(ts, 86400000) * 86400000), 'UTC'),
    `sent_at` Nullable(DateTime64(3, 'UTC')) ALIAS received_at - toIntervalMillisecond(offset_ms),
    `event_at` DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(ts + ifNull(offset_ms, 0), 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_day)
ORDER BY (intDiv(ts, 86400000), session_id, stream_id, ts, seq, type)
TTL event_day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE refold_scope
(
    `batch_id` UUID,
    `session_id` UUID,
    `stream_id` String,
    `days` Array(Int32),
    `inserted_rows` UInt64,
    `scoped_at` DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_id, session_id)
TTL toDateTime(scoped_at) + toIntervalHour(1);

CREATE TABLE refresh_marks
(
    `refreshed_until` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(3))
)
ENGINE = MergeTree
ORDER BY refreshed_until
TTL toDateTime(refreshed_until) + toIntervalDay(1);

CREATE VIEW session_fold
AS WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    ordered AS
    (
        SELECT
            stream_id,
            session_id,
            count() AS events,
            ifNull(min(offset_ms), 0) AS skew_ms,
            max(event_ts) AS last_ts,
            groupArray(event_key) AS event_keys,
            arraySort(i -> (event_keys[i]), arrayEnumerate(event_keys)) AS key_order,
            arraySlice(key_order, 1, {max_events:UInt64}) AS event_order,
            arrayMap(i -> (groupArray(event_ts)[i]), event_order) AS ts,
            arrayMap(i -> (groupArray(event_type)[i]), event_order) AS type,
            arrayMap(i -> (groupArray((event_type = 11) AND is_error_fatal)[i]), event_order) AS is_fatal,
            arrayMap(i -> (groupArray(is_error_business)[i]), event_order) AS is_business,
            arrayMap(i -> (groupArray(toInt8(visible))[i]), event_order) AS visible_sent,
            arrayMap(i -> (groupArray(bitrate_kbps)[i]), event_order) AS bitrate_sent,
            arrayMap(i -> (groupArray(width)[i]), event_order) AS width_sent,
            arrayMap(i -> (groupArray(height)[i]), event_order) AS height_sent,
            arrayMap(i -> (groupArray(player_width)[i]), event_order) AS player_width_sent,
            arrayMap(i -> (groupArray(player_height)[i]), event_order) AS player_height_sent,
            CAST((argMin(client_id, event_key), argMinIf(provider, event_key, provider != ''), argMinIf(player_name, event_key, player_name != ''), argMinIf(player_version, event_key, player_version != ''), argMinIf(country, event_key, country != ''), argMinIf(device, event_key, (device NOT IN ('', 'unknown'))), argMinIf(os, event_key, os != ''), argMinIf(browser, event_key, browser != ''), argMinIf(content_title, event_key, content_title != ''), argMinIf(content_duration_ms, event_key, content_duration_ms != 0), argMinIf(content_is_live, event_key, isNotNull(content_is_live)), argMinIf(page_url, event_key, page_url != ''), argMinIf(timezone, event_key, timezone != ''), arrayDistinct(arrayMap(e -> (e.2), arraySort(groupArrayIf((event_key, error_code), (event_type = 11) AND (error_code != '')))))), 'Tuple(client_id String, provider String, player_name String, player_version String, country String, device String, os String, browser String, title String, duration_ms UInt64, is_live Nullable(Bool), page_url String, timezone String, error_codes Array(String))') AS first_known
        FROM
        (
            SELECT
                * EXCEPT (ts, type),
                ts AS event_ts,
                toInt8(type) AS event_type,
                offset_ms,
                (bitShiftLeft(toUInt128(ts), 72) + bitShiftLeft(toUInt128(seq), 8)) + toUInt128(toInt8(type)) AS event_key
            FROM playback_events
            FINAL
            WHERE (intDiv(ts, 86400000), session_id) IN (
                SELECT
                    arrayJoin(days),
                    session_id
                FROM refold_scope
                WHERE batch_id = {batch_id:UUID}
            )
        )
        GROUP BY
            stream_id,
            session_id
    ),
    carried AS
    (
        SELECT
            stream_id,
            session_id,
            events,
            skew_ms,
            last_ts,
            first_known,
            ts,
            type,
            arrayPopFront(arrayPushBack(arrayDifference(ts), 0)) AS interval_ms,
            arrayMap((t, is_one) -> multiIf(t = 2, 2, t = 3, 3, is_one, 7, (t IN (12, 13)), 8, -1), type, is_fatal) AS set_state,
            arrayFill(v -> (v != 0), visible_sent) AS visible,
            arrayFill(v -> (v != 0), bitrate_sent) AS bitrate_kbps,
            arrayMap((w, h, pw, ph) -> if((w > 0) AND (h > 0) AND (pw > 0) AND (ph > 0), greatest(least(pw / w, ph / h) - 1, 0), -1), arrayFill(v -> (v != 0), width_sent), arrayFill(v -> (v != 0), height_sent), arrayFill(v -> (v != 0), player_width_sent), arrayFill(v -> (v != 0), player_height_sent)) AS upscale,
            indexOf(type, 1) AS first_play,
            indexOf(type, 2) AS first_frame,
            arrayExists((f, b) -> (f AND (NOT b)), is_fatal, is_business) AS has_failure,
            arrayExists((f, b) -> (f AND b), is_fatal, is_business) AS has_business_error
        FROM ordered
    ),
    based AS
    (
        SELECT
            *,
            arrayMap(s -> greatest(s, 0), arrayFill(s -> (s != -1), set_state)) AS base,
            arrayFill(t -> (t != -1), arrayMap((t, s) -> multiIf(s != -1, 0, (t IN (6, 7)), t, -1), type, set_state)) AS last_seek
        FROM carried
    ),
    refined AS
    (
        SELECT
            * EXCEPT (last_seek, set_state),
            arrayMap((t, b) -> ((t = 6) AND (b IN (2, 3))), last_seek, base) AS is_seeking,
            arrayPopBack(arrayPushFront(is_seeking, 0)) AS was_seeking,
            arrayFill(m -> (m != -1), arrayMap((t, s, b, is_sought, i) -> multiIf(s != -1, 0, (t = 1) AND (NOT is_sought) AND ((b IN (0, 7, 8)) OR ((b = 3) AND ((first_frame = 0) OR (i < first_frame)))), 1, -1), type, set_state, base, was_seeking, arrayEnumerate(type))) AS is_starting,
            arrayFill(m -> (m != -1), arrayMap((t, s, is_sought) -> multiIf(s != -1, 0, (t = 4) AND (NOT is_sought), 1, ((t = 5) AND (NOT is_sought)) OR ((t = 7) AND is_sought), 0, -1), type, set_state, was_seeking)) AS is_rebuffering
        FROM based
    ),
    folded AS
    (
        SELECT
            * EXCEPT (base, is_seeking, was_seeking, is_starting, is_rebuffering),
            arrayMap((b, is_started, is_sought, is_stalled) -> multiIf(is_started = 1, 1, is_sought, 5, (b = 2) AND (is_stalled = 1), 4, b), base, is_starting, is_seeking, is_rebuffering) AS state,
            arrayMap(ms -> if(ms <= max_gap_ms, ms, 0), interval_ms) AS counted_ms
        FROM refined
    ),
    timed AS
    (
        SELECT
            * EXCEPT (interval_ms, first_play),
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            arrayMap((s, before, gap_ms) -> ((s = 4) AND ((before != 4) OR (gap_ms > max_gap_ms))), state, arrayPopBack(arrayPushFront(state, 0)), arrayPopBack(arrayPushFront(interval_ms, 0))) AS is_run_start,
            if((first_play > 0) AND (first_play < first_frame) AND (NOT arrayExists(ms -> (ms > max_gap_ms), arraySlice(interval_ms, first_play, first_frame - first_play))) AND (NOT has(arraySlice(visible, first_play, (first_frame - first_play) + 1), 1)), toNullable(toUInt64((ts[first_frame]) - (ts[first_play]))), NULL) AS startup_ms
        FROM folded
    ),
    summed AS
    (
        SELECT
            * EXCEPT (played_ms, is_run_start, visible, bitrate_kbps, upscale),
            toUInt64(arraySum(played_ms)) AS playing_ms,
            toUInt64(arraySum((ms, v) -> if(v = 1, ms, 0), played_ms, visible)) AS playing_hidden_ms,
            toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), played_ms, bitrate_kbps)) AS bitrate_known_ms,
            toUInt64(arraySum((ms, kbps) -> (ms * kbps), played_ms, bitrate_kbps)) AS bitrate_kbps_ms,
            toUInt64(arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale)) AS upscale_known_ms,
            arraySum((ms, u) -> if(u >= 0, ms * u, 0), played_ms, upscale) AS upscale_ms,
            arrayMax((ms, u) -> if(ms > 0, greatest(u, 0), 0), played_ms, upscale) AS upscale_max,
            arrayFilter(ms -> (ms >= min_rebuffer_ms), arrayMap(run -> arraySum(run), arraySplit((ms, is_start) -> is_start, arrayFilter((ms, s) -> (s = 4), counted_ms, state), arrayFilter((is_start, s) -> (s = 4), is_run_start, state)))) AS episodes_ms,
            arrayMap((s, t, ms, run_ts) -> if(s = 4, least((t + ms) + 1, run_ts + max_rebuffer_active_ms), (t + ms) + 1), state, ts, counted_ms, arrayFill(t -> (t != -1), arrayMap((is_start, t) -> if(is_start, t, -1), is_run_start, ts))) AS until_ts
        FROM timed
    ),
    measured AS
    (
        SELECT
            * EXCEPT (until_ts, upscale_ms, episodes_ms),
            arrayFilter((t, s, until) -> ((s IN (1, 2, 4, 5)) AND (t < until)), ts, state, until_ts) AS active_from,
            arrayFilter((until, s, t) -> ((s IN (1, 2, 4, 5)) AND (t < until)), until_ts, state, ts) AS active_until,
            arrayExists(s -> (s IN (1, 2, 7)), state) AND ((first_frame > 0) OR has_failure OR has_business_error OR ((last_ts - (ts[1])) >= 1000)) AS is_attempt,
            first_known.provider != 'bunny' AS can_report_rebuffering,
            toUInt32(length(episodes_ms)) AS rebuffer_episodes,
            toUInt64(arraySum(episodes_ms)) AS rebuffer_episodes_ms,
            upscale_ms / greatest(upscale_known_ms, 1) AS upscale_mean
        FROM summed
    ),
    scored AS
    (
        SELECT
            *,
            arrayMap((t, until) -> (t > until), active_from, arrayPopBack(arrayPushFront(active_until, -1))) AS is_span_start,
            [(0.3 * isNotNull(startup_ms), 800 / (8 + (ifNull(startup_ms, 0) / 1000))), (0.45 * can_report_rebuffering, ((100 / sqrt(1 + pow(rebuffer_episodes / 2, 2))) + (100 * exp(if(playing_ms = 0, 0, (-10 * rebuffer_episodes_ms) / (playing_ms + rebuffer_episodes_ms))))) / 2), (0.25 * (upscale_known_ms > 0), 100 * exp(-0.33 * ((0.15 * upscale_max) + (0.85 * upscale_mean))))] AS score_parts
        FROM measured
    )
SELECT
    m.stream_id AS stream_id,
    m.session_id AS session_id,
    CAST(toUnixTimestamp64Nano(scope.scoped_at), 'UInt64') AS version,
    scope.inserted_rows AS folded_rows,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli((m.ts[1]) + m.skew_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(m.last_ts + m.skew_ms, 'UTC') AS last_at,
    m.skew_ms AS skew_ms,
    toUInt32(m.events) AS events,
    m.events > {max_events:UInt64} AS is_truncated,
    m.first_known.client_id AS client_id,
    m.first_known.device = 'bot' AS is_bot,
    m.is_attempt AS is_attempt,
    m.is_attempt AND (m.first_frame > 0) AS is_play,
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
    multiIf(NOT m.is_attempt, NULL, m.has_failure, toDecimal64(0, 9), m.has_business_error, NULL, m.first_frame = 0, toDecimal64(50, 9), arraySum(p -> (p.1), m.score_parts) = 0, NULL, toDecimal64(round(arraySum(p -> ((p.1) * (p.2)), m.score_parts) / greatest(arraySum(p -> (p.1), m.score_parts), 0.01), 9), 9)) AS qoe_score,
    arrayMap(t -> (t + m.skew_ms), arrayFilter((t, is_one) -> is_one, m.active_from, m.is_span_start)) AS span_starts_ms,
    arrayMap(t -> (t + m.skew_ms), arrayFilter((t, is_next_start) -> is_next_start, m.active_until, arrayPopFront(arrayPushBack(m.is_span_start, 1)))) AS span_ends_ms,
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
INNER JOIN
(
    SELECT
        session_id,
        stream_id,
        inserted_rows,
        scoped_at
    FROM refold_scope
    WHERE batch_id = {batch_id:UUID}
) AS scope ON (scope.session_id = m.session_id) AND (scope.stream_id = m.stream_id);

CREATE TABLE session_index
(
    `session_id` UUID,
    `stream_id` LowCardinality(String),
    `touched_week` Date,
    `first_ts` SimpleAggregateFunction(min, Int64),
    `last_ts` SimpleAggregateFunction(max, Int64),
    `days` SimpleAggregateFunction(groupUniqArrayArray, Array(Int32)),
    `first_client` AggregateFunction(argMin, String, Tuple(
        Int64,
        UInt64,
        Int8,
        UInt64)),
    `inserted_rows` SimpleAggregateFunction(sum, UInt64),
    `touched_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY touched_week
ORDER BY (session_id, stream_id)
TTL touched_week + toIntervalDay(400)
SETTINGS index_granularity = 512, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW session_index_writer TO session_index
(
    `session_id` UUID,
    `stream_id` LowCardinality(String),
    `touched_week` Date,
    `first_ts` Int64,
    `last_ts` Int64,
    `days` Array(Int32),
    `first_client` AggregateFunction(argMin, String, Tuple(
        Int64,
        UInt64,
        Int8,
        UInt64)),
    `inserted_rows` UInt64,
    `touched_at` DateTime64(3, 'UTC')
)
AS SELECT
    session_id,
    stream_id,
    toMonday(toDate(now('UTC'))) AS touched_week,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    groupUniqArray(toInt32(intDiv(ts, 86400000))) AS days,
    argMinState(client_id, tuple(ts, seq, toInt8(type), bitNot(version))) AS first_client,
    count() AS inserted_rows,
    now64(3, 'UTC') AS touched_at
FROM playback_events
GROUP BY
    session_id,
    stream_id;

CREATE TABLE sessions
(
    `stream_id` LowCardinality(String),
    `session_id` UUID,
    `version` UInt64 CODEC(ZSTD(3)),
    `folded_rows` UInt64 CODEC(ZSTD(3)),
    `start_week` Date CODEC(ZSTD(3)),
    `last_week` Date CODEC(ZSTD(3)),
    `started_at` DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    `last_at` DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    `skew_ms` Int32 CODEC(ZSTD(3)),
    `events` UInt32 CODEC(ZSTD(3)),
    `is_truncated` Bool CODEC(ZSTD(3)),
    `client_id` String CODEC(ZSTD(3)),
    `is_bot` Bool CODEC(ZSTD(3)),
    `is_attempt` Bool CODEC(ZSTD(3)),
    `is_play` Bool CODEC(ZSTD(3)),
    `has_error` Bool CODEC(ZSTD(3)),
    `has_failure` Bool CODEC(ZSTD(3)),
    `has_business_error` Bool CODEC(ZSTD(3)),
    `can_report_rebuffering` Bool CODEC(ZSTD(3)),
    `starting_ms` UInt64 CODEC(ZSTD(3)),
    `playing_ms` UInt64 CODEC(ZSTD(3)),
    `playing_hidden_ms` UInt64 CODEC(ZSTD(3)),
    `paused_ms` UInt64 CODEC(ZSTD(3)),
    `rebuffering_ms` UInt64 CODEC(ZSTD(3)),
    `seeking_ms` UInt64 CODEC(ZSTD(3)),
    `startup_ms` Nullable(UInt64) CODEC(ZSTD(3)),
    `rebuffer_episodes` UInt32 CODEC(ZSTD(3)),
    `rebuffer_episodes_ms` UInt64 CODEC(ZSTD(3)),
    `bitrate_known_ms` UInt64 CODEC(ZSTD(3)),
    `bitrate_kbps_ms` UInt64 CODEC(ZSTD(3)),
    `upscale_known_ms` UInt64 CODEC(ZSTD(3)),
    `upscale_mean` Float64 CODEC(ZSTD(3)),
    `upscale_max` Float64 CODEC(ZSTD(3)),
    `qoe_score` Nullable(Decimal(12, 9)) CODEC(ZSTD(3)),
    `span_starts_ms` Array(Int64) CODEC(ZSTD(3)),
    `span_ends_ms` Array(Int64) CODEC(ZSTD(3)),
    `error_codes` Array(LowCardinality(String)) CODEC(ZSTD(3)),
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `content_title` String CODEC(ZSTD(3)),
    `content_duration_ms` UInt64 CODEC(ZSTD(3)),
    `content_is_live` Nullable(Bool) CODEC(ZSTD(3)),
    `page_url` String CODEC(ZSTD(3)),
    `timezone` LowCardinality(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY (start_week, last_week)
ORDER BY (stream_id, session_id)
TTL last_week + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1;

CREATE VIEW sessions_between
AS SELECT *
FROM sessions
FINAL
WHERE (start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) + 2)) AND (last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) - 2));

CREATE VIEW stale_sessions
AS WITH
    touched AS
    (
        SELECT
            session_id,
            stream_id
        FROM session_index
        WHERE (touched_week >= toMonday(toDate({touched_since:DateTime64(3, 'UTC')}))) AND (touched_at >= {touched_since:DateTime64(3, 'UTC')})
    )
SELECT
    session_id,
    stream_id,
    groupUniqArrayArray(days) AS session_days,
    sum(inserted_rows) AS session_rows,
    sum(session_rows) OVER (ORDER BY session_id ASC, stream_id ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS rows_so_far
FROM session_index
WHERE ((session_id, stream_id) IN (
    SELECT
        session_id,
        stream_id
    FROM touched
)) AND ((session_id, stream_id) > ({after_session_id:UUID}, {after_stream_id:String}))
GROUP BY
    session_id,
    stream_id
HAVING (stream_id, session_id, session_rows) NOT IN (
    SELECT
        stream_id,
        session_id,
        folded_rows
    FROM sessions
    WHERE (stream_id, session_id) IN (
        SELECT
            stream_id,
            session_id
        FROM touched
    )
);

CREATE TABLE streams
(
    `stream_id` String,
    `title` String,
    `organizer_id` LowCardinality(String),
    `is_live` Bool,
    `providers` String,
    `version` UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    `is_deleted` UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY stream_id;
