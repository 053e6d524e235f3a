{{ config(materialized='ephemeral') }}
{{ session_fold(
    playback_events=source('playhead', 'playback_events') ~ ' ' ~ newest(),
    refold_scope=source('playhead', 'refold_scope'),
    arrivals=source('playhead', 'arrivals'),
    sessions=source('playhead', 'sessions'),
    max_events=max_session_events(),
    batch_id='00000000-0000-0000-0000-000000000000',
    arrived_after=0,
    arrived_until=0,
    slice=0,
    slices=1
) }}
