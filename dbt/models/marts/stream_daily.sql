{{ config(materialized='day_mart', keys=['stream_id', 'day']) }}
-- depends_on: {{ ref('fct_sessions') }}
select
    value as stream_id,
    toDate(fromUnixTimestamp64Milli(bucket_ms, 'UTC')) as day,
    * except (dimension, value, bucket_ms)
from {{ metric_sums(['stream_id'], 86400000) }}
