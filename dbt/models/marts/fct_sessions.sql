{{ config(materialized='folded_sessions') }}
-- depends_on: {{ source('playhead', 'playback_events') }}, {{ source('playhead', 'session_index') }}
select
    s.*,
    r.organizer_id as organizer_id,
    r.stream_title as stream_title
from {{ ref('stg_sessions') }} as s
left any join {{ ref('stg_streams') }} as r on r.stream_id = s.stream_id
