select
    * except (version, folded_rows, start_week, last_week, changed_from, changed_to),
    toDate(started_at) as started_day,
    toUnixTimestamp64Milli(last_at) - toUnixTimestamp64Milli(started_at) as length_ms
from {{ source('playhead', 'sessions') }} {{ newest() }}
