{{ config(materialized='day_mart', keys=['dimension', 'value', 'day'], built_from=['dimension_daily', 'stream_daily']) }}
-- Only the last of the earlier days matters, and only to viewers of the days to build.
with days_viewed as (
    select dimension, value, day as viewed_day, viewer_hashes
    from {{ ref('dimension_daily') }} final
    where dimension in ('', 'organizer_id') and day < toDate(intDiv({to_ms:Int64}, 86400000))
    union all
    select 'stream_id' as dimension, stream_id as value, day as viewed_day, viewer_hashes
    from {{ ref('stream_daily') }} final
    where day < toDate(intDiv({to_ms:Int64}, 86400000))
),

visits as (
    select
        dimension,
        value,
        arrayJoin(viewer_hashes) as viewer,
        arraySort(groupArrayIf(viewed_day, viewed_day >= toDate(intDiv({from_ms:Int64}, 86400000)))) as days,
        maxIf(viewed_day, viewed_day < toDate(intDiv({from_ms:Int64}, 86400000))) as day_before
    from days_viewed
    where viewer in (
        select arrayJoin(viewer_hashes)
        from days_viewed
        where dimension = '' and viewed_day >= toDate(intDiv({from_ms:Int64}, 86400000))
    )
    group by dimension, value, viewer
    having notEmpty(days)
),

viewers as (
    select dimension, value, day, previous_day, count() as viewers
    from visits
    array join days as day, arrayPopBack(arrayPushFront(days, day_before)) as previous_day
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
