with days as (
    select
        s.dimension,
        s.value,
        s.day,
        sum(s.viewers) as viewers,
        quantilesDDArrayMerge(0.005, 0.5, 0.95)(s.startup_state) as startup_quantiles_ms,
        {{ every_metric() }}
    from {{ ref('dimension_daily') }} as s final
    group by s.dimension, s.value, s.day
    having sum(s.facts) > 0
),

streams as (
    select
        'stream_id' as dimension,
        s.stream_id as value,
        s.day,
        sum(s.viewers) as viewers,
        quantilesDDArray(0.005, 0.5, 0.95)(s.startups_ms) as startup_quantiles_ms,
        {{ every_metric() }}
    from {{ ref('stream_daily') }} as s final
    group by s.stream_id, s.day
    having sum(s.facts) > 0
)

select * from days
union all
select * from streams
