-- The largest number of sessions at once is at least their mean number: the time they were active over the day's length.
-- Days that changed since they were built are left out, as every reader leaves them out. The view comes first: a join
-- that begins with a mart is asked of a cluster's shards, which do not have the view.
with spans as (
    select
        stream_id,
        arrayJoin(arrayZip(span_starts_ms, span_ends_ms)) as span,
        arrayJoin(range(toUInt32(intDiv(span.1, 86400000)), toUInt32(intDiv(span.2 - 1, 86400000)) + 1)) as day_number,
        greatest(span.1, day_number * 86400000) as active_from_ms,
        least(span.2, (day_number + 1) * 86400000) as active_to_ms
    from {{ ref('fct_sessions') }}
    where not is_bot and notEmpty(span_starts_ms)
),

active as (
    select stream_id, toDate(day_number) as day, sum(active_to_ms - active_from_ms) as active_ms
    from spans
    group by stream_id, day
)

select m.stream_id, m.day, m.peak, a.active_ms
from active as a
inner join {{ ref('stream_daily') }} as m final on m.stream_id = a.stream_id and m.day = a.day
where m.peak < a.active_ms / 86400000
    and m.day not in ({{ stale_days('stream_daily') }})
