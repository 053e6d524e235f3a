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

CREATE TABLE arrivals
(
    `stamped_at` DateTime64(9, 'UTC') CODEC(Delta(8), LZ4),
    `stream_id` LowCardinality(String) CODEC(LZ4),
    `session_id` UUID CODEC(LZ4),
    `ts` Int64 CODEC(LZ4),
    `seq` UInt64 CODEC(LZ4),
    `type` Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14),
    `version` UInt64 CODEC(LZ4),
    `bitrate_kbps` UInt32,
    `width` UInt32,
    `height` UInt32,
    `player_width` UInt32,
    `player_height` UInt32,
    `visible` Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2),
    `error_code` LowCardinality(String),
    `is_error_fatal` Bool,
    `is_error_business` Bool,
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `content_title` LowCardinality(String),
    `content_duration_ms` UInt64,
    `content_is_live` Nullable(Bool),
    `page_url` LowCardinality(String),
    `timezone` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `offset_ms` Nullable(Int32) ALIAS if(bitShiftRight(bitNot(version), 32) = 268435455, NULL, toInt32(toInt64(bitShiftRight(bitNot(version), 32)) - 86400000))
)
ENGINE = MergeTree
PARTITION BY toStartOfTenMinutes(stamped_at)
ORDER BY stamped_at
TTL toDateTime(stamped_at) + toIntervalHour(1)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024, min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 1000000000, merge_selector_base = 20, min_bytes_for_full_part_storage = 10000000;

CREATE MATERIALIZED VIEW arrivals_writer TO arrivals
(
    `stamped_at` DateTime64(9, 'UTC'),
    `stream_id` LowCardinality(String),
    `session_id` UUID,
    `ts` Int64,
    `seq` UInt64,
    `type` Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14),
    `version` UInt64,
    `bitrate_kbps` UInt32,
    `width` UInt32,
    `height` UInt32,
    `player_width` UInt32,
    `player_height` UInt32,
    `visible` Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2),
    `error_code` LowCardinality(String),
    `is_error_fatal` Bool,
    `is_error_business` Bool,
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `content_title` LowCardinality(String),
    `content_duration_ms` UInt64,
    `content_is_live` Nullable(Bool),
    `page_url` LowCardinality(String),
    `timezone` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String)
)
AS SELECT
    now64(9, 'UTC') AS stamped_at,
    stream_id,
    session_id,
    ts,
    seq,
    type,
    version,
    bitrate_kbps,
    width,
    height,
    player_width,
    player_height,
    visible,
    error_code,
    is_error_fatal,
    is_error_business,
    provider,
    player_name,
    player_version,
    content_title,
    content_duration_ms,
    content_is_live,
    page_url,
    timezone,
    country,
    device,
    os,
    browser
FROM playback_events;

CREATE TABLE changed_days
(
    `day` Date,
    `changed_version` SimpleAggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY day
SETTINGS min_bytes_for_full_part_storage = 10000000;

CREATE TABLE client_sessions
(
    `stream_id` LowCardinality(String) CODEC(ZSTD(3)),
    `client_id` String CODEC(ZSTD(3)),
    `session_id` UUID CODEC(ZSTD(3)),
    `last_touched_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(3))
)
ENGINE = AggregatingMergeTree
ORDER BY (stream_id, client_id, session_id)
TTL toDateTime(last_touched_at) + toIntervalDay(15)
SETTINGS index_granularity = 512, merge_selector_base = 20, min_bytes_for_full_part_storage = 10000000;

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
    `payload` String CODEC(ZSTD(3)),
    `envelope` String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY (received_at, protocol, reason)
TTL toDateTime(received_at) + toIntervalDay(7);

CREATE TABLE dimension_daily
(
    `dimension` LowCardinality(String),
    `value` String,
    `day` Date,
    `version` UInt64 CODEC(ZSTD(3)),
    `facts` UInt64 CODEC(ZSTD(3)),
    `sessions` UInt64 CODEC(ZSTD(3)),
    `attempts` UInt64 CODEC(ZSTD(3)),
    `plays` UInt64 CODEC(ZSTD(3)),
    `total_playing_ms` UInt64 CODEC(ZSTD(3)),
    `total_playing_hidden_ms` UInt64 CODEC(ZSTD(3)),
    `known_startups` UInt64 CODEC(ZSTD(3)),
    `rebuffering_known_plays` UInt64 CODEC(ZSTD(3)),
    `total_rebuffers` UInt64 CODEC(ZSTD(3)),
    `total_rebuffer_ms` UInt64 CODEC(ZSTD(3)),
    `total_demand_ms` UInt64 CODEC(ZSTD(3)),
    `failed_attempts` UInt64 CODEC(ZSTD(3)),
    `business_error_attempts` UInt64 CODEC(ZSTD(3)),
    `error_attempts` UInt64 CODEC(ZSTD(3)),
    `ebvs_attempts` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_known_ms` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_kbps_ms` UInt64 CODEC(ZSTD(3)),
    `scored_attempts` UInt64 CODEC(ZSTD(3)),
    `total_score` Decimal(38, 9) CODEC(ZSTD(3)),
    `peak` UInt64 CODEC(ZSTD(3)),
    `peak_ms` Int64 CODEC(ZSTD(3)),
    `first_ms` Int64 CODEC(ZSTD(3)),
    `last_event_ms` Int64 CODEC(ZSTD(3)),
    `startup_state` AggregateFunction(quantilesDDArray(0.005, 0.5, 0.95), Array(UInt64)),
    `viewers` UInt64 CODEC(ZSTD(3)),
    `streams` UInt64 CODEC(ZSTD(3)),
    `viewer_hashes` Array(UInt64) CODEC(ZSTD(1)),
    `stream_hashes` Array(UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 128;

CREATE TABLE dimension_hourly
(
    `dimension` LowCardinality(String),
    `value` String,
    `day` Date,
    `hour_ms` Int64 CODEC(Delta(8), ZSTD(3)),
    `version` UInt64 CODEC(ZSTD(3)),
    `facts` UInt64 CODEC(ZSTD(3)),
    `sessions` UInt64 CODEC(ZSTD(3)),
    `attempts` UInt64 CODEC(ZSTD(3)),
    `plays` UInt64 CODEC(ZSTD(3)),
    `total_playing_ms` UInt64 CODEC(ZSTD(3)),
    `total_playing_hidden_ms` UInt64 CODEC(ZSTD(3)),
    `known_startups` UInt64 CODEC(ZSTD(3)),
    `rebuffering_known_plays` UInt64 CODEC(ZSTD(3)),
    `total_rebuffers` UInt64 CODEC(ZSTD(3)),
    `total_rebuffer_ms` UInt64 CODEC(ZSTD(3)),
    `total_demand_ms` UInt64 CODEC(ZSTD(3)),
    `failed_attempts` UInt64 CODEC(ZSTD(3)),
    `business_error_attempts` UInt64 CODEC(ZSTD(3)),
    `error_attempts` UInt64 CODEC(ZSTD(3)),
    `ebvs_attempts` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_known_ms` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_kbps_ms` UInt64 CODEC(ZSTD(3)),
    `scored_attempts` UInt64 CODEC(ZSTD(3)),
    `total_score` Decimal(38, 9) CODEC(ZSTD(3)),
    `peak` UInt64 CODEC(ZSTD(3)),
    `peak_ms` Int64 CODEC(ZSTD(3)),
    `first_ms` Int64 CODEC(ZSTD(3)),
    `last_event_ms` Int64 CODEC(ZSTD(3)),
    `startup_quantiles_ms` Array(Float64) CODEC(ZSTD(3)),
    `viewers` UInt64 CODEC(ZSTD(3)),
    `streams` UInt64 CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, hour_ms)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 512;

CREATE TABLE drift_checks
(
    `check_id` UUID,
    `checked_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `day` Date,
    `subject` LowCardinality(String),
    `checked` UInt64,
    `differing` UInt64,
    `examples` Array(String)
)
ENGINE = MergeTree
ORDER BY (checked_at, check_id, day, subject)
TTL toDateTime(checked_at) + toIntervalDay(400);

CREATE TABLE event_batches
(
    `stream_id` LowCardinality(String),
    `session_id` UUID,
    `client_id` String,
    `received_ms` Int64,
    `sent_offset_ms` Nullable(Int32),
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `content_title` LowCardinality(String),
    `content_duration_ms` UInt64,
    `content_is_live` Nullable(Bool),
    `page_url` LowCardinality(String),
    `timezone` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `events` Array(Tuple(
        type Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14),
        ts Int64,
        seq UInt64,
        position_ms Nullable(UInt64),
        bitrate_kbps UInt32,
        width UInt32,
        height UInt32,
        player_width UInt32,
        player_height UInt32,
        dropped_frames Nullable(UInt32),
        visible Nullable(Bool),
        muted Nullable(Bool),
        playback_rate Nullable(Float32),
        error Tuple(
            code LowCardinality(String),
            message LowCardinality(String),
            fatal Bool,
            business Bool)))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW event_batches_writer TO playback_events
(
    `stream_id` LowCardinality(String),
    `session_id` UUID,
    `client_id` String,
    `ts` Int64,
    `seq` UInt64,
    `type` Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14),
    `version` UInt64,
    `event_day` Date,
    `position_lag_ms` Nullable(Int64),
    `bitrate_kbps` UInt32,
    `width` UInt32,
    `height` UInt32,
    `player_width` UInt32,
    `player_height` UInt32,
    `dropped_frames_plus_1` UInt64,
    `visible` Int8,
    `muted` Nullable(Bool),
    `playback_rate` Nullable(Float32),
    `error_code` LowCardinality(String),
    `error_message` LowCardinality(String),
    `is_error_fatal` Bool,
    `is_error_business` Bool,
    `provider` LowCardinality(String),
    `player_name` LowCardinality(String),
    `player_version` LowCardinality(String),
    `content_title` LowCardinality(String),
    `content_duration_ms` UInt64,
    `content_is_live` Nullable(Bool),
    `page_url` LowCardinality(String),
    `timezone` LowCardinality(String),
    `country` LowCardinality(String),
    `device` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String)
)
AS SELECT
    stream_id,
    session_id,
    client_id,
    event.ts AS ts,
    event.seq AS seq,
    event.type AS type,
    bitNot(bitOr(bitShiftLeft(toUInt64(ifNull(sent_offset_ms + 86400000, 268435455)), 32), toUInt64(greatest(least(((received_ms - event.ts) - ifNull(sent_offset_ms, 0)) + 86400000, 4294967295), 0)))) AS version,
    toDate(intDiv(event.ts + ifNull(sent_offset_ms, 0), 86400000)) AS event_day,
    event.ts - event.position_ms AS position_lag_ms,
    event.bitrate_kbps AS bitrate_kbps,
    event.width AS width,
    event.height AS height,
    event.player_width AS player_width,
    event.player_height AS player_height,
    ifNull(event.dropped_frames + 1, 0) AS dropped_frames_plus_1,
    toInt8(ifNull(event.visible + 1, 0)) AS visible,
    event.muted AS muted,
    event.playback_rate AS playback_rate,
    event.error.code AS error_code,
    event.error.message AS error_message,
    event.error.fatal AS is_error_fatal,
    event.error.business AS is_error_business,
    provider,
    player_name,
    player_version,
    content_title,
    content_duration_ms,
    content_is_live,
    page_url,
    timezone,
    country,
    device,
    os,
    browser
FROM event_batches
ARRAY JOIN events AS event;

CREATE TABLE job_leases
(
    `job` LowCardinality(String),
    `run_id` UUID,
    `is_standing` Bool,
    `lease_ms` UInt32,
    `renewed_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `version` UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC')))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (job, run_id)
TTL toDateTime(renewed_at) + toIntervalDay(1);

CREATE TABLE job_runs
(
    `job` LowCardinality(String),
    `run_id` UUID,
    `trigger` LowCardinality(String),
    `host` String,
    `pid` UInt32,
    `started_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `heartbeat_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `lease_ms` UInt32,
    `status` Enum8('running' = 1, 'succeeded' = 2, 'failed' = 3),
    `finished_at` Nullable(DateTime64(3, 'UTC')) DEFAULT if(status = 'running', NULL, now64(3, 'UTC')),
    `detail` String,
    `version` UInt64 DEFAULT toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    `is_dead` Bool ALIAS (status = 'running') AND ((heartbeat_at + toIntervalMillisecond(lease_ms)) < now64(3, 'UTC'))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (job, run_id)
TTL toDateTime(started_at) + toIntervalDay(90);

CREATE TABLE mart_builds
(
    `model` LowCardinality(String),
    `day` Date,
    `settled_version` SimpleAggregateFunction(max, UInt64),
    `built_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3, 'UTC')
)
ENGINE = AggregatingMergeTree
ORDER BY (model, day);

CREATE VIEW metric_sums
AS WITH
    if({bucket_length_ms:Int64} = 0, 4611686018427387904, {bucket_length_ms:Int64}) AS width_ms,
    clipped AS
    (
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
            ((started_ms >= {from_a:Int64}) AND (started_ms < {to_a:Int64})) OR ((started_ms >= {from_b:Int64}) AND (started_ms < {to_b:Int64})) AS is_started,
            if({to_b:Int64} = 0, arrayMap(a -> greatest(a, {from_a:Int64}), s.span_starts_ms), arrayConcat(arrayMap(a -> greatest(a, {from_a:Int64}), s.span_starts_ms), arrayMap(a -> greatest(a, {from_b:Int64}), s.span_starts_ms))) AS clipped_starts_ms,
            if({to_b:Int64} = 0, arrayMap(b -> least(b, {to_a:Int64}), s.span_ends_ms), arrayConcat(arrayMap(b -> least(b, {to_a:Int64}), s.span_ends_ms), arrayMap(b -> least(b, {to_b:Int64}), s.span_ends_ms))) AS clipped_ends_ms
        FROM
        (
            SELECT *
            FROM sessions
            WHERE (((start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)) AND (last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) - 2))) OR ((start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')) + 2)) AND (last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) - 2)) AND ({to_b:Int64} != 0))) AND (({stream_id:String} = '') OR (stream_id = {stream_id:String})) AND ((sipHash64(stream_id), session_id, version) NOT IN (
                SELECT
                    sipHash64(every.stream_id) AS stream_hash,
                    every.session_id,
                    arrayJoin(arrayPopBack(arraySort(groupArray(every.version)))) AS older_version
                FROM sessions AS every
                WHERE (((start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)) AND (last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) - 2))) OR ((start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')) + 2)) AND (last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) - 2)) AND ({to_b:Int64} != 0))) AND (({stream_id:String} = '') OR (stream_id = {stream_id:String}))
                GROUP BY
                    stream_hash,
                    every.session_id
                HAVING count() > 1
            )) AND (((started_at < fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) AND (last_at >= fromUnixTimestamp64Milli({from_a:Int64}, 'UTC'))) OR ((started_at < fromUnixTimestamp64Milli({to_b:Int64}, 'UTC')) AND (last_at >= fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')))) AND ({include_bots:Bool} OR (NOT is_bot)) AND (({provider:String} = '') OR (if(provider = '', 'unknown', provider) = {provider:String})) AND (({country:String} = '') OR (if(country = '', 'unknown', country) = {country:String})) AND (({device:String} = '') OR (device = {device:String}))
            SETTINGS enable_shared_storage_snapshot_in_query = 1, distributed_product_mode = 'local'
        ) AS s
        ANY LEFT JOIN
        (
            SELECT
                stream_id,
                organizer_id
            FROM streams
            FINAL
        ) AS r ON r.stream_id = s.stream_id
        WHERE ({organizer_id:String} = '') OR (r.organizer_id = {organizer_id:String})
    ),
    cut AS
    (
        SELECT
            * EXCEPT (clipped_starts_ms, clipped_ends_ms, error_codes, client_id, organizer_id),
            sipHash64(organizer_id, client_id) AS viewer,
            sipHash64(stream_id) AS stream_hash,
            arrayFilter((a, b) -> (a < b), clipped_starts_ms, clipped_ends_ms) AS starts_ms,
            arrayFilter((b, a) -> (a < b), clipped_ends_ms, clipped_starts_ms) AS ends_ms,
            arrayFlatten(arrayMap((a, b) -> range(intDiv(a, width_ms), intDiv(b - 1, width_ms) + 1), starts_ms, ends_ms)) AS span_buckets,
            intDiv(started_ms, width_ms) AS start_bucket,
            is_started AND (empty(starts_ms) OR (intDiv(starts_ms[1], width_ms) != start_bucket)) AS is_begin_apart,
            arrayDistinct(if(is_begin_apart, arrayPushFront(span_buckets, start_bucket), span_buckets)) AS buckets,
            CAST(if((length({dimensions:Array(String)}) = 1) AND (({dimensions:Array(String)}[1]) NOT IN ('error_code', 'stream_country', 'stream_device', 'stream_provider')), [({dimensions:Array(String)}[1], multiIf(({dimensions:Array(String)}[1]) = 'stream_id', stream_id, ({dimensions:Array(String)}[1]) = 'organizer_id', organizer_id, ({dimensions:Array(String)}[1]) = 'country', country, ({dimensions:Array(String)}[1]) = 'device', device, ({dimensions:Array(String)}[1]) = 'os', os, ({dimensions:Array(String)}[1]) = 'browser', browser, ({dimensions:Array(String)}[1]) = 'player', player_name, ({dimensions:Array(String)}[1]) = 'provider', provider, ''))], arrayConcat(arrayFilter(d -> has({dimensions:Array(String)}, d.1), [('', ''), ('stream_id', stream_id), ('organizer_id', organizer_id), ('country', country), ('device', device), ('os', os), ('browser', browser), ('player', player_name), ('provider', provider)]), if(has({dimensions:Array(String)}, 'error_code'), arrayMap(code -> ('error_code', code), error_codes), []), if(hasAny({dimensions:Array(String)}, ['stream_country', 'stream_device', 'stream_provider']), arrayFilter(d -> has({dimensions:Array(String)}, d.1), [('stream_country', concat(if(country = '', 'unknown', country), '\n', stream_id)), ('stream_device', concat(if(device = '', 'unknown', device), '\n', stream_id)), ('stream_provider', concat(if(provider = '', 'unknown', provider), '\n', stream_id))]), []))), 'Array(Tuple(LowCardinality(String), String))') AS fact_dimensions
        FROM clipped
    ),
    told AS
    (
        SELECT
            *,
            bucket * width_ms AS session_bucket_ms,
            session_bucket_ms + width_ms AS bucket_end_ms,
            arrayConcat(arrayMap(a -> ((2 * greatest(a, session_bucket_ms)) + 1), arrayFilter((a, b) -> ((a < bucket_end_ms) AND (b > session_bucket_ms)), starts_ms, ends_ms)), arrayMap(b -> (2 * least(b, bucket_end_ms)), arrayFilter((b, a) -> ((a < bucket_end_ms) AND (b > session_bucket_ms)), ends_ms, starts_ms))) AS borders,
            is_started AND (bucket = start_bucket) AS is_begin,
            intDiv(length(borders), 2) + (is_begin AND is_begin_apart) AS session_facts,
            is_begin AND is_attempt AS is_begun_attempt,
            is_begin AND is_play AS is_begun_play,
            is_begun_play AND can_report_rebuffering AS is_rebuffering_known
        FROM cut
        ARRAY JOIN buckets AS bucket
    ),
    told_by_dimension AS
    (
        SELECT
            *,
            arrayJoin(fact_dimensions) AS fact_dimension,
            fact_dimension.1 AS fact_dimension_name,
            fact_dimension.2 AS fact_value
        FROM told
        WHERE (fact_dimension_name != 'organizer_id') OR (fact_value != '')
    ),
    arraySort(groupArrayArray(borders)) AS sorted_borders,
    arrayCumSum(border -> if((border % 2) = 1, 1, -1), sorted_borders) AS active_sessions
SELECT
    fact_dimension_name AS dimension,
    if((fact_dimension_name != '') AND (fact_value = ''), 'unknown', fact_value) AS value,
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
    countIf(is_begun_attempt AND (NOT (is_play OR has_failure OR has_business_error))) AS ebvs_attempts,
    sumIf(bitrate_known_ms, is_begin) AS total_bitrate_known_ms,
    sumIf(bitrate_kbps_ms, is_begin) AS total_bitrate_kbps_ms,
    countIf(is_begun_attempt AND isNotNull(qoe_score)) AS scored_attempts,
    sumIf(assumeNotNull(qoe_score), is_begun_attempt AND isNotNull(qoe_score)) AS total_score,
    toUInt64(if(empty(active_sessions), 0, arrayMax(active_sessions))) AS peak,
    if(peak = 0, 0, intDiv(sorted_borders[indexOf(active_sessions, peak)], 2)) AS peak_ms,
    min(started_ms) AS first_ms,
    max(ended_ms) AS last_event_ms,
    arraySort(groupArrayIf(assumeNotNull(startup_ms), is_begun_play AND isNotNull(startup_ms))) AS startups_ms,
    quantilesDDArrayState(0.005, 0.5, 0.95)(if(is_begun_play AND isNotNull(startup_ms), [assumeNotNull(startup_ms)], [])) AS startup_state,
    quantilesDDIf(0.005, 0.5, 0.95)(assumeNotNull(startup_ms), is_begun_play AND isNotNull(startup_ms)) AS startup_quantiles_ms,
    uniqExactIf(viewer, is_begun_attempt) AS viewers,
    arraySort(groupUniqArrayIf(viewer, is_begun_attempt)) AS viewer_hashes,
    uniqExact(stream_hash) AS streams,
    arraySort(groupUniqArray(stream_hash)) AS stream_hashes,
    minIf((started_ms, session_id), provider != '') AS first_provider_key,
    argMinIf(provider, (started_ms, session_id), provider != '') AS first_provider
FROM told_by_dimension
GROUP BY
    fact_dimension_name,
    fact_value,
    session_bucket_ms;

CREATE TABLE playback_events
(
    `stream_id` LowCardinality(String) CODEC(ZSTD(1)),
    `session_id` UUID CODEC(ZSTD(1)),
    `client_id` String CODEC(ZSTD(3)),
    `ts` Int64 CODEC(Delta(8), ZSTD(1)),
    `seq` UInt64 CODEC(Delta(8), ZSTD(3)),
    `type` Enum8('play' = 1, 'playing' = 2, 'pause' = 3, 'rebuffer_start' = 4, 'rebuffer_end' = 5, 'seek_start' = 6, 'seek_end' = 7, 'heartbeat' = 8, 'quality_change' = 9, 'visibility' = 10, 'error' = 11, 'ended' = 12, 'quit' = 13, 'other' = 14) CODEC(ZSTD(3)),
    `received_ms` Int64 EPHEMERAL,
    `sent_offset_ms` Nullable(Int32) EPHEMERAL,
    `version` UInt64 DEFAULT bitNot(bitOr(bitShiftLeft(toUInt64(ifNull(sent_offset_ms + 86400000, 268435455)), 32), toUInt64(greatest(least(((received_ms - ts) - ifNull(sent_offset_ms, 0)) + 86400000, 4294967295), 0)))) CODEC(T64, ZSTD(3)),
    `event_day` Date DEFAULT toDate(intDiv(ts + ifNull(sent_offset_ms, 0), 86400000)) CODEC(ZSTD(3)),
    `sent_position_ms` Nullable(UInt64) EPHEMERAL,
    `position_lag_ms` Nullable(Int64) DEFAULT ts - sent_position_ms CODEC(ZSTD(1)),
    `bitrate_kbps` UInt32 CODEC(ZSTD(3)),
    `width` UInt32 CODEC(ZSTD(3)),
    `height` UInt32 CODEC(ZSTD(3)),
    `player_width` UInt32 CODEC(ZSTD(3)),
    `player_height` UInt32 CODEC(ZSTD(3)),
    `sent_dropped_frames` Nullable(UInt32) EPHEMERAL,
    `dropped_frames_plus_1` UInt64 DEFAULT ifNull(sent_dropped_frames + 1, 0) CODEC(T64, ZSTD(1)),
    `visible` Enum8('unknown' = 0, 'hidden' = 1, 'visible' = 2) CODEC(ZSTD(3)),
    `muted` Nullable(Bool) CODEC(ZSTD(1)),
    `playback_rate` Nullable(Float32) CODEC(ZSTD(3)),
    `error_code` LowCardinality(String) CODEC(ZSTD(1)),
    `error_message` LowCardinality(String) CODEC(ZSTD(1)),
    `is_error_fatal` Bool CODEC(ZSTD(3)),
    `is_error_business` Bool CODEC(ZSTD(3)),
    `provider` LowCardinality(String) CODEC(ZSTD(1)),
    `player_name` LowCardinality(String) CODEC(ZSTD(1)),
    `player_version` LowCardinality(String) CODEC(ZSTD(1)),
    `content_title` LowCardinality(String) CODEC(ZSTD(1)),
    `content_duration_ms` UInt64 CODEC(ZSTD(3)),
    `content_is_live` Nullable(Bool) CODEC(ZSTD(1)),
    `page_url` LowCardinality(String) CODEC(ZSTD(1)),
    `timezone` LowCardinality(String) CODEC(ZSTD(1)),
    `country` LowCardinality(String) CODEC(ZSTD(1)),
    `device` LowCardinality(String) CODEC(ZSTD(1)),
    `os` LowCardinality(String) CODEC(ZSTD(1)),
    `browser` LowCardinality(String) CODEC(ZSTD(1)),
    `position_ms` Nullable(UInt64) ALIAS toUInt64(ts - position_lag_ms),
    `dropped_frames` Nullable(UInt32) ALIAS if(dropped_frames_plus_1 = 0, NULL, toUInt32(dropped_frames_plus_1 - 1)),
    `offset_ms` Nullable(Int32) ALIAS if(bitShiftRight(bitNot(version), 32) = 268435455, NULL, toInt32(toInt64(bitShiftRight(bitNot(version), 32)) - 86400000)),
    `received_at` DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(((toInt64(bitAnd(bitNot(version), 4294967295)) - 86400000) + ts) + ifNull(offset_ms, 0), 'UTC'),
    `sent_at` Nullable(DateTime64(3, 'UTC')) ALIAS received_at - toIntervalMillisecond(offset_ms),
    `event_at` DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(ts + ifNull(offset_ms, 0), 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_day)
ORDER BY (intDiv(ts, 86400000), session_id, stream_id, ts, seq, type)
SETTINGS ttl_only_drop_parts = 1, ratio_of_defaults_for_sparse_serialization = 0.8, merge_selector_base = 20, min_bytes_for_full_part_storage = 10000000;

CREATE TABLE refold_scope
(
    `batch_id` UUID,
    `session_id` UUID,
    `stream_id` String,
    `days` Array(Int32),
    `inserted_rows` UInt64,
    `scoped_at` DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC'),
    `was_first_day` Date,
    `was_last_day` Date,
    `version` UInt64
)
ENGINE = MergeTree
ORDER BY (batch_id, session_id)
TTL toDateTime(scoped_at) + toIntervalHour(1)
SETTINGS min_bytes_for_full_part_storage = 10000000;

CREATE TABLE refresh_marks
(
    `refreshed_until` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(3)),
    `arrivals_until` DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(3)),
    `counted_until` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(3))
)
ENGINE = MergeTree
ORDER BY refreshed_until
TTL toDateTime(refreshed_until) + toIntervalDay(1)
SETTINGS min_bytes_for_full_part_storage = 10000000;

CREATE VIEW session_fold
AS WITH
    60000 AS max_gap_ms,
    250 AS min_rebuffer_ms,
    300000 AS max_rebuffer_active_ms,
    grouped AS
    (
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
            arraySort((kbps, k) -> k, groupArrayIf(bitrate_kbps, bitrate_kbps != 0), groupArrayIf(event_key, bitrate_kbps != 0)) AS sent_kbps,
            arraySort(groupArrayIf((event_key, width, height, player_width, player_height), has_size)) AS sent_sizes,
            argMin(client_id, event_key) AS first_client_id,
            argMinIf(provider, event_key, provider != '') AS first_provider,
            argMinIf(player_name, event_key, player_name != '') AS first_player_name,
            argMinIf(player_version, event_key, player_version != '') AS first_player_version,
            argMinIf(country, event_key, country != '') AS first_country,
            argMinIf(device, event_key, (device NOT IN ('', 'unknown'))) AS first_device,
            argMinIf(os, event_key, os != '') AS first_os,
            argMinIf(browser, event_key, browser != '') AS first_browser,
            argMinIf(content_title, event_key, content_title != '') AS first_title,
            argMinIf(content_duration_ms, event_key, content_duration_ms != 0) AS first_duration_ms,
            argMinIf(content_is_live, event_key, isNotNull(content_is_live)) AS first_is_live,
            argMinIf(page_url, event_key, page_url != '') AS first_page_url,
            argMinIf(timezone, event_key, timezone != '') AS first_timezone,
            arraySort(groupArrayIf((event_key, error_code), (type = 'error') AND (error_code != ''))) AS coded_errors
        FROM
        (
            SELECT
                * EXCEPT (ts, seq),
                ts AS event_ts,
                seq AS event_seq,
                offset_ms AS event_offset_ms,
                toUInt8(multiIf(type < 'error', toInt8(type), type > 'error', toInt8(type) + 2, NOT is_error_fatal, 11, is_error_business, 13, 12)) AS kind,
                (kind = 2) OR (kind = 3) OR ((kind >= 12) AND (kind <= 15)) AS is_setting,
                (width != 0) OR (height != 0) OR (player_width != 0) OR (player_height != 0) AS has_size,
                (bitShiftLeft(toUInt128(ts), 80) + bitShiftLeft(toUInt128(seq), 16)) + toUInt16((((((kind * 256) + (is_setting * 128)) + (((kind < 8) OR ((kind >= 11) AND (kind <= 15)) OR (visible != 'unknown') OR (bitrate_kbps != 0) OR has_size) * 64)) + ((bitrate_kbps != 0) * 32)) + (has_size * 16)) + toInt8(visible)) AS event_key
            FROM
            (
                SELECT
                    toInt64(0) AS arrival_ns,
                    stream_id,
                    session_id,
                    client_id,
                    ts,
                    seq,
                    type,
                    offset_ms,
                    bitrate_kbps,
                    width,
                    height,
                    player_width,
                    player_height,
                    visible,
                    error_code,
                    is_error_fatal,
                    is_error_business,
                    provider,
                    player_name,
                    player_version,
                    content_title,
                    content_duration_ms,
                    content_is_live,
                    page_url,
                    timezone,
                    country,
                    device,
                    os,
                    browser
                FROM playback_events
                FINAL
                WHERE (intDiv(ts, 86400000), session_id) IN (
                    SELECT
                        arrayJoin(days),
                        session_id
                    FROM refold_scope
                    WHERE batch_id = {batch_id:UUID}
                )
                UNION ALL
                SELECT
                    toUnixTimestamp64Nano(stamped_at) AS arrival_ns,
                    stream_id,
                    session_id,
                    '' AS client_id,
                    ts,
                    seq,
                    type,
                    offset_ms,
                    bitrate_kbps,
                    width,
                    height,
                    player_width,
                    player_height,
                    visible,
                    error_code,
                    is_error_fatal,
                    is_error_business,
                    provider,
                    player_name,
                    player_version,
                    content_title,
                    content_duration_ms,
                    content_is_live,
                    page_url,
                    timezone,
                    country,
                    device,
                    os,
                    browser
                FROM arrivals
                WHERE (stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')) AND (stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')) AND ((sipHash64(session_id) % {slices:UInt64}) = {slice:UInt64}) AND ((stream_id, session_id) NOT IN (
                    SELECT
                        stream_id,
                        session_id
                    FROM refold_scope
                    WHERE batch_id = {batch_id:UUID}
                ))
            )
        )
        GROUP BY
            stream_id,
            session_id
    ),
    begun AS
    (
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
        FROM
        (
            SELECT *
            FROM sessions
            WHERE (last_week >= (toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7)) AND ((stream_id, session_id, version) IN (
                SELECT
                    every.stream_id,
                    every.session_id,
                    max(every.version)
                FROM sessions AS every
                WHERE (last_week >= (toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 7)) AND ((stream_id, session_id) IN (
                    SELECT
                        stream_id,
                        session_id
                    FROM arrivals
                    WHERE (stamped_at > fromUnixTimestamp64Nano({arrived_after:Int64}, 'UTC')) AND (stamped_at <= fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC')) AND ((sipHash64(session_id) % {slices:UInt64}) = {slice:UInt64})
                )) AND ((stream_id, session_id) NOT IN (
                    SELECT
                        stream_id,
                        session_id
                    FROM refold_scope
                    WHERE batch_id = {batch_id:UUID}
                ))
                GROUP BY
                    stream_id,
                    session_id
            ))
        )
        WHERE NOT is_truncated
    ),
    coded AS
    (
        SELECT
            * EXCEPT (event_keys, new_keys, was_first_ts, was_last_ts),
            if(is_going_on, was_first_ts, event_times[2]) AS first_ts,
            toUInt64(bitShiftRight(event_keys[-1], 16)) AS last_seq,
            arrayPushFront(arrayMap(k -> toInt64(bitShiftRight(k, 80)), event_keys), if(is_going_on, was_last_ts, toInt64(bitShiftRight(event_keys[1], 80)))) AS event_times,
            arrayDifference(event_times) AS ms_before,
            arrayShiftLeft(ms_before, 1, max_gap_ms + 1) AS ms_after,
            arrayMap((k, before, after) -> ((toUInt32(k) + ((after > max_gap_ms) * 65536)) + ((bitTest(k, 6) OR (before > max_gap_ms) OR (after > max_gap_ms)) * 131072)), arrayPushFront(arrayMap(k -> toUInt16(k), event_keys), toUInt16(112 + bitAnd(bitShiftRight(was_state, 6), 3))), ms_before, ms_after) AS event_codes
        FROM grouped AS g
        ANY LEFT JOIN
        (
            SELECT
                session_id AS scope_session_id,
                stream_id AS scope_stream_id,
                inserted_rows,
                version AS scope_version,
                was_first_day AS scope_first_day,
                was_last_day AS scope_last_day
            FROM refold_scope
            WHERE batch_id = {batch_id:UUID}
        ) AS scope ON (scope_session_id = g.session_id) AND (scope_stream_id = g.stream_id)
        ANY LEFT JOIN begun ON (was_session_id = g.session_id) AND (was_stream_id = g.stream_id)
        WHERE if(is_going_on, bitTest(was_state, 0) AND (first_arrival_ns > was_version) AND (new_keys = new_events) AND (bitShiftRight(event_keys[1], 16) > (bitShiftLeft(toUInt128(was_last_ts), 64) + was_seq)) AND (was_last_day >= (toMonday(toDate(fromUnixTimestamp64Nano({arrived_until:Int64}, 'UTC'))) - 5)) AND ((was_events + new_events) <= {max_events:UInt64}), inserted_rows > 0)
    ),
    carried AS
    (
        SELECT
            * EXCEPT (event_times, ms_before, ms_after, event_codes),
            arrayFilter((t, c) -> bitTest(c, 17), event_times, event_codes) AS ts,
            arrayFilter(c -> bitTest(c, 17), event_codes) AS code,
            arrayMap(c -> toUInt8(bitAnd(bitShiftRight(c, 8), 31)), code) AS kind,
            arrayFill(c -> (bitAnd(c, 3) != 0), code) AS visible_code,
            arrayPushFront(sent_kbps, was_kbps) AS every_kbps,
            arrayMap(i -> (every_kbps[i]), arrayCumSum(c -> bitTest(c, 5), code)) AS bitrate_kbps,
            arrayFill(v -> (v != 0), arrayPushFront(sent_sizes.2, was_sizes.1)) AS widths,
            arrayFill(v -> (v != 0), arrayPushFront(sent_sizes.3, was_sizes.2)) AS heights,
            arrayFill(v -> (v != 0), arrayPushFront(sent_sizes.4, was_sizes.3)) AS player_widths,
            arrayFill(v -> (v != 0), arrayPushFront(sent_sizes.5, was_sizes.4)) AS player_heights,
            arrayMap((w, h, pw, ph) -> if((w > 0) AND (h > 0) AND (pw > 0) AND (ph > 0), greatest(least(pw / w, ph / h) - 1, 0), -1), widths, heights, player_widths, player_heights) AS sent_upscales,
            arrayMap(i -> (sent_upscales[i]), arrayCumSum(c -> bitTest(c, 4), code)) AS upscale,
            indexOf(kind, 1) AS first_play,
            indexOf(kind, 2) AS first_frame
        FROM coded
    ),
    based AS
    (
        SELECT
            * EXCEPT (sent_kbps, every_kbps, sent_sizes, sent_upscales),
            arrayPopFront(kind) AS kinds,
            arrayFill((k, c) -> bitTest(c, 7), arrayPushFront(kinds, [0, 2, 3, 0][bitAnd(bitShiftRight(was_state, 1), 3) + 1]), code) AS base,
            arrayMap((k, b) -> ((k = 6) AND ((b = 2) OR (b = 3))), arrayFill((k, c) -> ((k = 6) OR (k = 7) OR bitTest(c, 7)), arrayPushFront(kinds, if(bitTest(was_state, 3), 6, 0)), code), base) AS is_seeking,
            arrayShiftRight(is_seeking, 1) AS was_seeking,
            arrayMap((t, next_t, c) -> if(bitTest(c, 16), 0, next_t - t), ts, arrayShiftLeft(ts, 1), code) AS counted_ms
        FROM carried
    ),
    folded AS
    (
        SELECT
            * EXCEPT (was_seeking, kind, kinds),
            was_failure OR has(kind, 12) AS has_failure,
            was_business_error OR has(kind, 13) AS has_business_error,
            was_error OR has_failure OR has_business_error OR has(kind, 11) AS has_error,
            arrayFill((k, c, b, is_sought, i) -> (bitTest(c, 7) OR ((k = 1) AND (NOT is_sought) AND (b != 2) AND ((b != 3) OR ((NOT was_play) AND ((first_frame = 0) OR (i < first_frame)))))), arrayPushFront(kinds, toUInt8(bitTest(was_state, 4))), code, base, was_seeking, arrayEnumerate(kind)) AS start,
            arrayFill((k, c, is_sought) -> (bitTest(c, 7) OR if(is_sought, k = 7, (k = 4) OR (k = 5))), arrayPushFront(kinds, if(bitTest(was_state, 5), 4, 0)), code, was_seeking) AS stall,
            arrayMap((b, is_sought, start, stall) -> multiIf(start = 1, 1, is_sought, 5, b = 2, if(stall = 4, 4, 2), b = 3, 3, 0), base, is_seeking, start, stall) AS state
        FROM based
    ),
    timed AS
    (
        SELECT
            *,
            arrayMap((s, ms) -> if(s = 2, ms, 0), state, counted_ms) AS played_ms,
            arrayMap((s, before, c) -> ((s = 4) AND ((before != 4) OR bitTest(c, 16))), state, arrayShiftRight(state, 1), arrayShiftRight(code, 1)) AS is_run_start,
            bitTest(was_state, 10) OR (first_play > 0) AS has_play,
            if(bitTest(was_state, 10), 1, first_play) AS play_at,
            if(bitTest(was_state, 10), first_ts + toInt64(was_first_play_ms), ts[first_play]) AS play_ts,
            if(first_frame > 0, first_frame, length(ts)) AS startup_end,
            (NOT was_play) AND has_play AND ((first_frame = 0) OR (play_at < first_frame)) AS is_startup
        FROM folded
    ),
    run AS
    (
        SELECT
            *,
            arrayMap((ms, u) -> if((ms > 0) AND (u > 0), toUInt64(round(u * 1000000000)), 0), played_ms, upscale) AS nanos,
            is_startup AND (bitTest(was_state, 11) OR arrayExists(c -> bitTest(c, 16), arraySlice(code, play_at, startup_end - play_at)) OR arrayExists(c -> (bitAnd(c, 3) = 1), arraySlice(visible_code, play_at, (startup_end - play_at) + 1))) AS is_startup_void,
            bitTest(was_state, 9) OR arrayExists(s -> ((s = 1) OR (s = 2)), state) AS has_begun,
            was_play OR (first_frame > 0) AS has_frame,
            arrayMap(run -> arraySum(run), arraySplit((ms, is_start) -> is_start, arrayFilter((ms, s) -> (s = 4), arrayPushFront(arrayPopFront(counted_ms), (counted_ms[1]) + toInt64(was_open_rebuffer_ms)), state), arrayFilter((is_start, s) -> (s = 4), is_run_start, state))) AS runs_ms
        FROM timed
    ),
    summed AS
    (
        SELECT
            * EXCEPT (played_ms, is_run_start, visible_code, bitrate_kbps, upscale, code, state, counted_ms),
            multiIf(was_play, was_startup_ms, is_startup AND (first_frame > 0) AND (NOT is_startup_void), toNullable(toUInt64((ts[first_frame]) - play_ts)), NULL) AS startup_ms,
            was_starting_ms + toUInt64(arraySum((s, ms) -> if(s = 1, ms, 0), state, counted_ms)) AS starting_ms,
            was_paused_ms + toUInt64(arraySum((s, ms) -> if(s = 3, ms, 0), state, counted_ms)) AS paused_ms,
            was_rebuffering_ms + toUInt64(arraySum((s, ms) -> if(s = 4, ms, 0), state, counted_ms)) AS rebuffering_ms,
            was_seeking_ms + toUInt64(arraySum((s, ms) -> if(s = 5, ms, 0), state, counted_ms)) AS seeking_ms,
            was_playing_ms + toUInt64(arraySum(played_ms)) AS playing_ms,
            was_playing_hidden_ms + toUInt64(arraySum((ms, c) -> if(bitAnd(c, 3) = 1, ms, 0), played_ms, visible_code)) AS playing_hidden_ms,
            was_bitrate_known_ms + toUInt64(arraySum((ms, kbps) -> if(kbps > 0, ms, 0), played_ms, bitrate_kbps)) AS bitrate_known_ms,
            was_bitrate_kbps_ms + toUInt64(arraySum((ms, kbps) -> (ms * kbps), played_ms, bitrate_kbps)) AS bitrate_kbps_ms,
            was_upscale_known_ms + toUInt64(arraySum((ms, u) -> if(u >= 0, ms, 0), played_ms, upscale)) AS upscale_known_ms,
            (was_upscale_nanos_ms + (toUInt128(arraySum((ms, n) -> (ms * intDiv(n, 1000000)), played_ms, nanos)) * 1000000)) + toUInt128(arraySum((ms, n) -> (ms * (n % 1000000)), played_ms, nanos)) AS upscale_nanos_ms,
            greatest(was_upscale_max, arrayMax((ms, u) -> if((ms > 0) AND (u > 0), u, 0), played_ms, upscale)) AS upscale_max,
            arrayFilter(ms -> (ms >= min_rebuffer_ms), runs_ms) AS episodes_ms,
            if((state[-1]) = 4, toUInt64(runs_ms[-1]), 0) AS open_rebuffer_ms,
            was_open_rebuffer_ms >= min_rebuffer_ms AS was_open_episode,
            toUInt16(((((((((1 + multiIf((base[-1]) = 2, 2, (base[-1]) = 3, 4, 0)) + ((is_seeking[-1]) * 8)) + (((start[-1]) = 1) * 16)) + (((stall[-1]) = 4) * 32)) + (bitAnd(visible_code[-1], 3) * 64)) + ((bitTest(was_state, 8) OR isNotNull(new_skew_ms)) * 256)) + (has_begun * 512)) + (has_play * 1024)) + ((is_startup_void AND (NOT has_frame)) * 2048)) AS end_state,
            bitrate_kbps[-1] AS end_kbps,
            if(has_play AND (NOT has_frame), toUInt64(play_ts - first_ts), 0) AS first_play_ms,
            arrayMap((s, t, ms, run_ts) -> multiIf(s = 4, least((t + ms) + 1, run_ts + max_rebuffer_active_ms), (s = 0) OR (s = 3), 0, (t + ms) + 1), state, ts, counted_ms, arrayFill((t, is_start) -> is_start, arrayPushFront(arrayPopFront(ts), (ts[1]) - toInt64(was_open_rebuffer_ms)), is_run_start)) AS until_ts
        FROM run
    ),
    measured AS
    (
        SELECT
            * EXCEPT (until_ts, episodes_ms, runs_ms, nanos, ts),
            arrayConcat(arrayMap(t -> (t - was_skew_ms), was_span_starts_ms), arrayFilter((t, until) -> (t < until), ts, until_ts)) AS active_from,
            arrayConcat(arrayMap(t -> (t - was_skew_ms), was_span_ends_ms), arrayFilter((until, t) -> (t < until), until_ts, ts)) AS active_until,
            arrayMap((t, until) -> (t > until), active_from, arrayShiftRight(active_until, 1, -1)) AS is_span_start,
            multiIf(NOT bitTest(was_state, 8), ifNull(new_skew_ms, 0), ifNull(least(new_skew_ms, was_skew_ms), was_skew_ms)) AS skew_ms,
            (has_begun OR has_failure OR has_business_error) AND (has_frame OR has_failure OR has_business_error OR ((last_ts - first_ts) >= 1000)) AS is_attempt,
            if(was_provider != '', was_provider, first_provider) AS known_provider,
            if((was_device NOT IN ('', 'unknown')), was_device, first_device) AS known_device,
            known_provider != 'bunny' AS can_report_rebuffering,
            toUInt32((was_rebuffer_episodes - was_open_episode) + length(episodes_ms)) AS rebuffer_episodes,
            toUInt64((was_rebuffer_episodes_ms - if(was_open_episode, was_open_rebuffer_ms, 0)) + toUInt64(arraySum(episodes_ms))) AS rebuffer_episodes_ms,
            if(is_going_on, was_first_day, scope_first_day) AS known_first_day,
            (upscale_nanos_ms / 1000000000.) / greatest(upscale_known_ms, 1) AS upscale_mean
        FROM summed
    ),
    scored AS
    (
        SELECT
            *,
            0.3 * isNotNull(startup_ms) AS startup_weight,
            0.45 * can_report_rebuffering AS smoothness_weight,
            0.25 * (upscale_known_ms > 0) AS quality_weight,
            800 / (8 + (ifNull(startup_ms, 0) / 1000)) AS startup_score,
            ((100 / sqrt(1 + pow(rebuffer_episodes / 2, 2))) + (100 * exp(if(playing_ms = 0, 0, (-10 * rebuffer_episodes_ms) / (playing_ms + rebuffer_episodes_ms))))) / 2 AS smoothness_score,
            100 * exp(-0.33 * ((0.15 * upscale_max) + (0.85 * upscale_mean))) AS quality_score,
            (startup_weight + smoothness_weight) + quality_weight AS known_weight
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
    multiIf(NOT m.is_attempt, NULL, m.has_failure, toDecimal64(0, 9), m.has_business_error, NULL, NOT m.has_frame, toDecimal64(50, 9), m.known_weight = 0, NULL, toDecimal64(round((((m.startup_weight * m.startup_score) + (m.smoothness_weight * m.smoothness_score)) + (m.quality_weight * m.quality_score)) / greatest(m.known_weight, 0.01), 9), 9)) AS qoe_score,
    arrayMap(t -> (t + m.skew_ms), arrayFilter((t, is_one) -> is_one, m.active_from, m.is_span_start)) AS span_starts_ms,
    arrayMap(t -> (t + m.skew_ms), arrayFilter((t, is_next_start) -> is_next_start, m.active_until, arrayShiftLeft(m.is_span_start, 1, 1))) AS span_ends_ms,
    arrayDistinct(arrayConcat(m.was_error_codes, arrayMap(e -> (e.2), m.coded_errors))) AS error_codes,
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
    greatest(toDate(last_at), toDate(fromUnixTimestamp64Milli(span_ends_ms[-1], 'UTC')), if(m.is_going_on, m.was_last_day, m.scope_last_day)) AS changed_to,
    CAST((m.end_state, m.last_seq, m.end_kbps, m.widths[-1], m.heights[-1], m.player_widths[-1], m.player_heights[-1], m.first_play_ms, m.open_rebuffer_ms, m.upscale_nanos_ms), concat('Tuple(state UInt16, seq UInt64, kbps UInt32, width UInt32, height UInt32, player_width UInt32, ', 'player_height UInt32, first_play_ms UInt64, open_rebuffer_ms UInt64, upscale_nanos_ms UInt128)')) AS accumulator
FROM scored AS m;

CREATE TABLE session_index
(
    `session_id` UUID CODEC(ZSTD(3)),
    `stream_id` LowCardinality(String) CODEC(ZSTD(3)),
    `touched_week` Date CODEC(ZSTD(3)),
    `first_ts` SimpleAggregateFunction(min, Int64) CODEC(Delta(8), ZSTD(3)),
    `last_ts` SimpleAggregateFunction(max, Int64) CODEC(Delta(8), ZSTD(3)),
    `days` SimpleAggregateFunction(groupUniqArrayArray, Array(Int32)) CODEC(ZSTD(3)),
    `first_client` AggregateFunction(argMin, String, Tuple(
        Int64,
        UInt64,
        Int8,
        UInt64)) CODEC(ZSTD(3)),
    `inserted_rows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(3)),
    `touched_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(3))
)
ENGINE = AggregatingMergeTree
PARTITION BY touched_week
ORDER BY (session_id, stream_id)
TTL touched_week + toIntervalDay(400)
SETTINGS index_granularity = 512, ttl_only_drop_parts = 1, merge_selector_base = 20, min_bytes_for_full_part_storage = 10000000;

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

CREATE VIEW session_timeline
AS WITH
    60000 AS max_gap_ms,
    ordered AS
    (
        SELECT
            * EXCEPT (type, visible, position_ms, dropped_frames),
            position_ms,
            dropped_frames,
            type AS event_type,
            visible AS visible_sent,
            toInt8(type) AS kind,
            toUnixTimestamp64Milli(received_at) AS received_ms,
            ifNull(min(offset_ms) OVER (), 0) AS skew_ms
        FROM playback_events
        FINAL
        WHERE (intDiv(ts, 86400000), session_id, stream_id) IN (
            SELECT
                arrayJoin(days),
                session_id,
                stream_id
            FROM session_index
            WHERE (session_id = {session_id:UUID}) AND (stream_id = {stream_id:String})
        )
        ORDER BY
            ts ASC,
            seq ASC,
            kind ASC
        LIMIT {max_events:UInt64}
    ),
    based AS
    (
        SELECT
            *,
            multiIf(kind = 2, 2, kind = 3, 3, (kind = 11) AND is_error_fatal, 7, (kind IN (12, 13)), 8, NULL) AS set_state,
            ifNull(anyLast(set_state) OVER so_far, 0) AS base,
            anyLast(multiIf(isNotNull(set_state), 0, (kind IN (6, 7)), kind, NULL)) OVER so_far AS last_seek,
            ifNull(last_seek = 6, false) AND (base IN (2, 3)) AS is_seeking,
            max(kind = 2) OVER so_far AS has_first_frame,
            leadInFrame(toNullable(ts)) OVER (ORDER BY ts ASC, seq ASC, kind ASC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - ts AS until_next_ms
        FROM ordered
        WINDOW so_far AS (ORDER BY ts ASC, seq ASC, kind ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    sought AS
    (
        SELECT
            *,
            lagInFrame(is_seeking, 1, false) OVER (ORDER BY ts ASC, seq ASC, kind ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS was_seeking
        FROM based
    ),
    refined AS
    (
        SELECT
            *,
            ifNull(anyLast(multiIf(isNotNull(set_state), 0, (kind = 1) AND (NOT was_seeking) AND ((base IN (0, 7, 8)) OR ((base = 3) AND (NOT has_first_frame))), 1, NULL)) OVER so_far, 0) AS is_starting,
            ifNull(anyLast(multiIf(isNotNull(set_state), 0, (kind = 4) AND (NOT was_seeking), 1, ((kind = 5) AND (NOT was_seeking)) OR ((kind = 7) AND was_seeking), 0, NULL)) OVER so_far, 0) AS is_rebuffering
        FROM sought
        WINDOW so_far AS (ORDER BY ts ASC, seq ASC, kind ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
SELECT
    ts + skew_ms AS at,
    ts,
    seq,
    event_type AS type,
    transform(multiIf(is_starting = 1, 1, is_seeking, 5, (base = 2) AND (is_rebuffering = 1), 4, base), [0, 1, 2, 3, 4, 5, 7, 8], ['idle', 'starting', 'playing', 'paused', 'rebuffering', 'seeking', 'failed', 'ended'], '') AS state,
    until_next_ms,
    toBool(ifNull(until_next_ms > max_gap_ms, false)) AS is_gap,
    received_ms AS received_at,
    position_ms,
    nullIf(bitrate_kbps, 0) AS bitrate_kbps,
    nullIf(width, 0) AS width,
    nullIf(height, 0) AS height,
    nullIf(player_width, 0) AS player_width,
    nullIf(player_height, 0) AS player_height,
    dropped_frames,
    if(visible_sent = 'unknown', NULL, toBool(visible_sent = 'visible')) AS visible,
    muted,
    playback_rate,
    error_code,
    error_message,
    is_error_fatal,
    is_error_business
FROM refined
ORDER BY
    ts ASC,
    seq ASC,
    kind ASC;

CREATE TABLE sessions
(
    `stream_id` LowCardinality(String) CODEC(ZSTD(1)),
    `session_id` UUID CODEC(ZSTD(1)),
    `version` UInt64 CODEC(ZSTD(3)),
    `folded_rows` UInt64 CODEC(ZSTD(3)),
    `start_week` Date CODEC(ZSTD(3)),
    `last_week` Date CODEC(ZSTD(3)),
    `started_at` DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    `last_at` DateTime64(3, 'UTC') CODEC(ZSTD(3)),
    `skew_ms` Int32 CODEC(ZSTD(3)),
    `events` UInt32 CODEC(ZSTD(3)),
    `is_truncated` Bool CODEC(ZSTD(3)),
    `client_id` String CODEC(ZSTD(1)),
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
    `upscale_max` Float64 CODEC(ZSTD(3)),
    `qoe_score` Nullable(Decimal(12, 9)) CODEC(ZSTD(3)),
    `span_starts_ms` Array(Int64) CODEC(Delta(8), ZSTD(1)),
    `span_ends_ms` Array(Int64) CODEC(Delta(8), ZSTD(1)),
    `error_codes` Array(LowCardinality(String)) CODEC(ZSTD(3)),
    `provider` LowCardinality(String) CODEC(ZSTD(1)),
    `player_name` LowCardinality(String) CODEC(ZSTD(1)),
    `player_version` LowCardinality(String) CODEC(ZSTD(1)),
    `country` LowCardinality(String) CODEC(ZSTD(1)),
    `device` LowCardinality(String) CODEC(ZSTD(1)),
    `os` LowCardinality(String) CODEC(ZSTD(1)),
    `browser` LowCardinality(String) CODEC(ZSTD(1)),
    `content_title` String CODEC(ZSTD(3)),
    `content_duration_ms` UInt64 CODEC(ZSTD(3)),
    `content_is_live` Nullable(Bool) CODEC(ZSTD(3)),
    `page_url` String CODEC(ZSTD(3)),
    `timezone` LowCardinality(String) CODEC(ZSTD(1)),
    `changed_from` Date DEFAULT toDate(started_at) CODEC(ZSTD(3)),
    `changed_to` Date DEFAULT toDate(last_at) CODEC(ZSTD(3)),
    `accumulator` Tuple(
        state UInt16,
        seq UInt64,
        kbps UInt32,
        width UInt32,
        height UInt32,
        player_width UInt32,
        player_height UInt32,
        first_play_ms UInt64,
        open_rebuffer_ms UInt64,
        upscale_nanos_ms UInt128) CODEC(ZSTD(3)),
    INDEX newest version TYPE minmax GRANULARITY 64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY (start_week, last_week)
ORDER BY (stream_id, session_id)
TTL last_week + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, min_bytes_for_full_part_storage = 10000000;

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
        UNION ALL
        SELECT
            session_id,
            toLowCardinality(stream_id) AS stream_id
        FROM refold_scope
        WHERE batch_id = {listed_id:UUID}
    )
SELECT
    i.session_id AS session_id,
    i.stream_id AS stream_id,
    i.session_days AS session_days,
    i.session_rows AS session_rows,
    s.was_first_day AS was_first_day,
    s.was_last_day AS was_last_day,
    sum(i.session_rows) OVER (ORDER BY i.session_id ASC, i.stream_id ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS rows_so_far
FROM
(
    SELECT
        session_id,
        stream_id,
        groupUniqArrayArray(days) AS session_days,
        sum(inserted_rows) AS session_rows
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
    HAVING max(touched_at) < {touched_before:DateTime64(3, 'UTC')}
) AS i
LEFT JOIN
(
    SELECT
        session_id,
        stream_id,
        argMax(folded_rows, version) AS seen_rows,
        min(toDate(started_at)) AS was_first_day,
        max(toDate(last_at)) AS was_last_day
    FROM sessions
    WHERE (stream_id, session_id) IN (
        SELECT
            stream_id,
            session_id
        FROM touched
    )
    GROUP BY
        session_id,
        stream_id
) AS s ON (s.session_id = i.session_id) AND (s.stream_id = i.stream_id)
WHERE (i.session_rows != s.seen_rows) OR ({listed_id:UUID} != toUUID('00000000-0000-0000-0000-000000000000'));

CREATE TABLE stream_daily
(
    `stream_id` LowCardinality(String),
    `day` Date,
    `version` UInt64 CODEC(ZSTD(3)),
    `facts` UInt64 CODEC(ZSTD(3)),
    `sessions` UInt64 CODEC(ZSTD(3)),
    `attempts` UInt64 CODEC(ZSTD(3)),
    `plays` UInt64 CODEC(ZSTD(3)),
    `total_playing_ms` UInt64 CODEC(ZSTD(3)),
    `total_playing_hidden_ms` UInt64 CODEC(ZSTD(3)),
    `known_startups` UInt64 CODEC(ZSTD(3)),
    `rebuffering_known_plays` UInt64 CODEC(ZSTD(3)),
    `total_rebuffers` UInt64 CODEC(ZSTD(3)),
    `total_rebuffer_ms` UInt64 CODEC(ZSTD(3)),
    `total_demand_ms` UInt64 CODEC(ZSTD(3)),
    `failed_attempts` UInt64 CODEC(ZSTD(3)),
    `business_error_attempts` UInt64 CODEC(ZSTD(3)),
    `error_attempts` UInt64 CODEC(ZSTD(3)),
    `ebvs_attempts` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_known_ms` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_kbps_ms` UInt64 CODEC(ZSTD(3)),
    `scored_attempts` UInt64 CODEC(ZSTD(3)),
    `total_score` Decimal(38, 9) CODEC(ZSTD(3)),
    `peak` UInt64 CODEC(ZSTD(3)),
    `peak_ms` Int64 CODEC(ZSTD(3)),
    `first_ms` Int64 CODEC(ZSTD(3)),
    `last_event_ms` Int64 CODEC(ZSTD(3)),
    `startups_ms` Array(UInt64) CODEC(ZSTD(3)),
    `viewers` UInt64 CODEC(ZSTD(3)),
    `viewer_hashes` Array(UInt64) CODEC(ZSTD(1)),
    `first_provider` LowCardinality(String),
    `first_provider_key` Tuple(
        Int64,
        UUID) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (stream_id, day)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;

CREATE TABLE stream_dimension_daily
(
    `dimension` LowCardinality(String),
    `value` LowCardinality(String),
    `stream_id` LowCardinality(String),
    `day` Date,
    `version` UInt64 CODEC(ZSTD(3)),
    `facts` UInt64 CODEC(ZSTD(3)),
    `sessions` UInt64 CODEC(ZSTD(3)),
    `attempts` UInt64 CODEC(ZSTD(3)),
    `plays` UInt64 CODEC(ZSTD(3)),
    `total_playing_ms` UInt64 CODEC(ZSTD(3)),
    `total_playing_hidden_ms` UInt64 CODEC(ZSTD(3)),
    `known_startups` UInt64 CODEC(ZSTD(3)),
    `rebuffering_known_plays` UInt64 CODEC(ZSTD(3)),
    `total_rebuffers` UInt64 CODEC(ZSTD(3)),
    `total_rebuffer_ms` UInt64 CODEC(ZSTD(3)),
    `total_demand_ms` UInt64 CODEC(ZSTD(3)),
    `failed_attempts` UInt64 CODEC(ZSTD(3)),
    `business_error_attempts` UInt64 CODEC(ZSTD(3)),
    `error_attempts` UInt64 CODEC(ZSTD(3)),
    `ebvs_attempts` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_known_ms` UInt64 CODEC(ZSTD(3)),
    `total_bitrate_kbps_ms` UInt64 CODEC(ZSTD(3)),
    `scored_attempts` UInt64 CODEC(ZSTD(3)),
    `total_score` Decimal(38, 9) CODEC(ZSTD(3)),
    `peak` UInt64 CODEC(ZSTD(3)),
    `peak_ms` Int64 CODEC(ZSTD(3)),
    `first_ms` Int64 CODEC(ZSTD(3)),
    `last_event_ms` Int64 CODEC(ZSTD(3)),
    `startups_ms` Array(UInt64) CODEC(ZSTD(3)),
    `first_provider` LowCardinality(String),
    `first_provider_ms` Int64 CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, stream_id, day)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;

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

CREATE TABLE viewers_daily
(
    `dimension` LowCardinality(String),
    `value` String,
    `day` Date,
    `version` UInt64 CODEC(ZSTD(3)),
    `previous_days` Array(Date) CODEC(ZSTD(3)),
    `previous_viewers` Array(UInt64) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (dimension, value, day)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
