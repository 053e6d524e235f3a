-- The states of a session share its time: their sum is at most its length, and less where there are gaps.
select stream_id, session_id, length_ms
from {{ ref('fct_sessions') }}
where starting_ms + playing_ms + paused_ms + rebuffering_ms + seeking_ms > length_ms
