{{ config(materialized='day_mart', keys=['dimension', 'value', 'day', 'hour_ms']) }}
-- depends_on: {{ ref('fct_sessions') }}
select
    toDate(fromUnixTimestamp64Milli(bucket_ms, 'UTC')) as day,
    bucket_ms as hour_ms,
    * except (bucket_ms)
from {{ metric_sums(mart_dimensions(), 3600000) }}
