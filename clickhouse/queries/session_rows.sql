-- purpose: sessions of some streams that began or were active in a range, newest first, one page of them
-- grain: one session; instants in ms, NULL for what is not known
-- parameters: stream_ids Array(String), session_ids Array(UUID) (empty for any)
--   from_ms, to_ms Int64: the range [from, to)
--   provider, country, device String ('' for any), include_bots Bool
--   before_ms Int64, before_session_id String: only sessions after this one in the order, a page's last; limit UInt64
-- reads: sessions_between, streams
SELECT
    s.stream_id AS stream_id,
    if(r.stream_id = '', NULL, r.title) AS title,
    if(r.stream_id = '', NULL, r.organizer_id) AS organizer_id,
    toString(s.session_id) AS session_id,
    s.client_id AS client_id,
    toUnixTimestamp64Milli(s.started_at) AS started_at,
    toUnixTimestamp64Milli(s.last_at) AS last_at,
    s.skew_ms AS skew_ms,
    s.events AS events,
    s.is_truncated AS is_truncated,
    s.is_bot AS is_bot,
    s.is_attempt AS is_attempt,
    s.is_play AS is_play,
    s.has_error AS has_error,
    s.has_failure AS has_failure,
    s.has_business_error AS has_business_error,
    s.starting_ms / 1000 AS starting_time_s,
    s.playing_ms / 1000 AS playing_time_s,
    s.playing_hidden_ms / 1000 AS playing_hidden_time_s,
    s.paused_ms / 1000 AS paused_time_s,
    if(s.can_report_rebuffering, s.rebuffering_ms / 1000, NULL) AS rebuffering_time_s,
    s.seeking_ms / 1000 AS seeking_time_s,
    s.startup_ms AS startup_ms,
    if(s.can_report_rebuffering, s.rebuffer_episodes, NULL) AS rebuffer_count,
    if(s.can_report_rebuffering, s.rebuffer_episodes_ms / 1000, NULL) AS rebuffer_time_s,
    if(s.bitrate_known_ms = 0, NULL, s.bitrate_kbps_ms / s.bitrate_known_ms) AS avg_bitrate_kbps,
    toFloat64(s.qoe_score) AS qoe_score,
    s.error_codes AS error_codes,
    nullIf(s.provider, '') AS provider,
    nullIf(s.player_name, '') AS player_name,
    nullIf(s.player_version, '') AS player_version,
    nullIf(s.country, '') AS country,
    s.device AS device,
    nullIf(s.os, '') AS os,
    nullIf(s.browser, '') AS browser,
    nullIf(s.content_title, '') AS content_title,
    nullIf(s.content_duration_ms, 0) AS content_duration_ms,
    s.content_is_live AS content_is_live,
    nullIf(s.page_url, '') AS page_url,
    nullIf(s.timezone, '') AS timezone
FROM sessions_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}) AS s
LEFT ANY JOIN (
    SELECT stream_id, title, organizer_id FROM streams FINAL WHERE stream_id IN {stream_ids:Array(String)}
) AS r ON r.stream_id = s.stream_id
WHERE s.stream_id IN {stream_ids:Array(String)}
    AND (empty({session_ids:Array(UUID)}) OR s.session_id IN {session_ids:Array(UUID)})
    AND s.started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND (
        s.started_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        OR arrayExists((a, b) -> a < {to_ms:Int64} AND b > {from_ms:Int64}, s.span_starts_ms, s.span_ends_ms)
    )
    AND ({include_bots:Bool} OR NOT s.is_bot)
    AND ({provider:String} = '' OR if(s.provider = '', 'unknown', s.provider) = {provider:String})
    AND ({country:String} = '' OR if(s.country = '', 'unknown', s.country) = {country:String})
    AND ({device:String} = '' OR s.device = {device:String})
    AND (toUnixTimestamp64Milli(s.started_at), toString(s.session_id))
    < ({before_ms:Int64}, {before_session_id:String})
ORDER BY s.started_at DESC, session_id DESC, stream_id
LIMIT {limit:UInt64}
-- Weeks settle what is read before FINAL merges it, which is what they are wide enough for.
SETTINGS defer_partition_pruning_after_final = 0
