select
    stream_id,
    title as stream_title,
    organizer_id,
    is_live
from {{ source('playhead', 'streams') }} {{ newest() }}
