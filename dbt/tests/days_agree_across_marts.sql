-- The platform's figures of a day are the sums of its streams' and of its hours', its peak is between their extremes.
with streams as (
    select day, sum(sessions) as sessions, sum(plays) as plays, sum(total_playing_ms) as total_playing_ms, max(peak) as peak
    from {{ ref('stream_daily') }} final
    group by day
),

hours as (
    select
        day, sum(sessions) as sessions, sum(plays) as plays, sum(total_playing_ms) as total_playing_ms, max(peak) as peak
    from {{ ref('dimension_hourly') }} final
    where dimension = ''
    group by day
)

select d.day
from {{ ref('dimension_daily') }} as d final
inner join streams as s on s.day = d.day
inner join hours as h on h.day = d.day
where d.dimension = ''
    and (
        (d.sessions, d.plays, d.total_playing_ms) != (s.sessions, s.plays, s.total_playing_ms)
        or (d.sessions, d.plays, d.total_playing_ms) != (h.sessions, h.plays, h.total_playing_ms)
        or d.peak != h.peak
        or d.peak < s.peak
    )
    and d.day not in ({{ stale_days('dimension_daily') }})
    and d.day not in ({{ stale_days('dimension_hourly') }})
    and d.day not in ({{ stale_days('stream_daily') }})
