{{ config(materialized='day_mart', keys=['dimension', 'value', 'stream_id', 'day']) }}
-- depends_on: {{ ref('fct_sessions') }}
select
    day,
    splitByChar('_', pair)[2] as dimension,
    splitByChar('\n', pair_value)[1] as value,
    substring(pair_value, position(pair_value, '\n') + 1) as stream_id,
    first_provider_key.1 as first_provider_ms,
    * except (day, pair, pair_value)
from (
    select
        toDate(fromUnixTimestamp64Milli(bucket_ms, 'UTC')) as day,
        dimension as pair,
        value as pair_value,
        * except (dimension, value, bucket_ms)
    from {{ metric_sums(['stream_country', 'stream_device', 'stream_provider'], 86400000) }}
)
