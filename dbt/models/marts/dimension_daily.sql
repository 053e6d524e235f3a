{{ config(materialized='day_mart', keys=['dimension', 'value', 'day']) }}
-- depends_on: {{ ref('fct_sessions') }}
select
    toDate(fromUnixTimestamp64Milli(bucket_ms, 'UTC')) as day,
    * except (bucket_ms, viewer_hashes, stream_hashes),
    if(dimension in ('', 'organizer_id'), viewer_hashes, []) as viewer_hashes,
    if(dimension in ('', 'organizer_id'), stream_hashes, []) as stream_hashes
from {{ metric_sums(mart_dimensions(), 86400000) }}
