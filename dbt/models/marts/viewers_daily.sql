{{ config(materialized='day_mart', keys=['dimension', 'value', 'day'], looks_back=true) }}
-- depends_on: {{ ref('fct_sessions') }}
-- Viewers who came once are counted by their day, the others one by one. Of days before those to build only the last
-- matters, and only to viewers who came back.
with attempts as (
    select
        toDate(s.started_at) as viewed_day,
        sipHash64(r.organizer_id, s.client_id) as viewer,
        s.stream_id as stream_id,
        r.organizer_id as organizer_id,
        if(s.country = '', 'unknown', s.country) as country,
        if(s.provider = '', 'unknown', s.provider) as provider,
        s.device as device,
        s.os as os,
        s.browser as browser,
        s.player_name as player_name,
        s.error_codes as error_codes
    from {{ source('playhead', 'sessions') }} as s {{ newest() }}
    left any join (select stream_id, organizer_id from {{ source('playhead', 'streams') }} {{ newest() }}) as r
        on r.stream_id = s.stream_id
    where s.is_attempt and not s.is_bot and s.started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
),

visits as (
    select
        dimension_value.1 as dimension,
        dimension_value.2 as value,
        is_returning,
        if(is_returning, viewer, toUInt64(viewed_day)) as visitor,
        count() as sessions,
        arraySort(groupUniqArray(viewed_day)) as viewed_days
    from (
        select
            viewer global in (
                select viewer
                from attempts
                group by viewer
                having count() > 1 and max(viewed_day) >= toDate(intDiv({from_ms:Int64}, 86400000))
            ) as is_returning,
            viewer,
            viewed_day,
            arrayJoin(arrayConcat(
                [
                    ('', ''),
                    ('stream_id', stream_id),
                    ('country', country),
                    ('device', device),
                    ('os', if(os = '', 'unknown', os)),
                    ('browser', if(browser = '', 'unknown', browser)),
                    ('player', if(player_name = '', 'unknown', player_name)),
                    ('provider', provider),
                    ('stream_country', concat(country, '\n', stream_id)),
                    ('stream_device', concat(device, '\n', stream_id)),
                    ('stream_provider', concat(provider, '\n', stream_id))
                ],
                if(organizer_id = '', [], [('organizer_id', organizer_id)]),
                arrayMap(code -> ('error_code', code), error_codes)
            )::Array(Tuple(LowCardinality(String), String))) as dimension_value
        from attempts
        where is_returning or viewed_day >= toDate(intDiv({from_ms:Int64}, 86400000))
    )
    group by dimension, value, is_returning, visitor
),

viewers as (
    select dimension, value, day, previous_day, sum(if(is_returning, 1, sessions)) as viewers
    from visits
    array join viewed_days as day, arrayPopBack(arrayPushFront(viewed_days, toDate(0))) as previous_day
    where day >= toDate(intDiv({from_ms:Int64}, 86400000))
    group by dimension, value, day, previous_day
)

select
    dimension,
    value,
    day,
    arraySort(groupArray(previous_day)) as previous_days,
    arraySort((v, d) -> d, groupArray(viewers), groupArray(previous_day)) as previous_viewers
from viewers
group by dimension, value, day
