with peaks as (
    select 'stream' as scope, stream_id as scope_id, 'day' as bucket_size, day * 86400000 as bucket_ms, peak, peak_ms
    from (select stream_id, toInt64(toUInt16(day)) as day, peak, peak_ms, facts from {{ ref('stream_daily') }} final)
    where facts > 0

    union all

    select dimension, value, 'day', day * 86400000, peak, peak_ms
    from (
        select dimension, value, toInt64(toUInt16(day)) as day, peak, peak_ms, facts
        from {{ ref('dimension_daily') }} final
        where dimension in ('', 'organizer_id')
    )
    where facts > 0

    union all

    select dimension, value, 'hour', hour_ms, peak, peak_ms
    from {{ ref('dimension_hourly') }} final
    where dimension in ('', 'organizer_id') and facts > 0
)

select
    transform(scope, ['', 'organizer_id'], ['platform', 'organizer'], scope) as scope,
    scope_id,
    bucket_size,
    fromUnixTimestamp64Milli(bucket_ms, 'UTC') as bucket_at,
    peak as peak_concurrent,
    if(peak = 0, null, fromUnixTimestamp64Milli(peak_ms, 'UTC')) as peak_at
from peaks
