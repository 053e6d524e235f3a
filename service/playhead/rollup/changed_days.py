"""Notes which days changed beyond what every refresh notes by itself (table changed_days)."""

from playhead.rollup.refold import note_changed_days
from playhead.rollup.refresh import read_refresh_state
from playhead.store.contract import Store
from playhead.store.sql_files import query

LOOK_BACK_OF_NOTES_MS = 3_600_000
"""Longer than from one build of the marts to the next."""


async def note_lately_changed_days(store: Store) -> None:
    """Note the days of all sessions refolded in the last hour, or since the last round of the refresh, once more.

    Whoever folds stores a session's row and then, apart from it, the note of its days: a process killed between the
    two leaves a day that looks settled. So this is for the start of a process, before marts are trusted, and for
    each build of the marts, since the process that was killed may be another one.
    """
    state = await read_refresh_state(store)
    await note_changed_days(store, min(state.now_ms, state.refreshed_until_ms) - LOOK_BACK_OF_NOTES_MS)


async def note_stream_days(store: Store, stream_id: str) -> None:
    """Note the days of a stream's sessions: to be called before its organizer changes, so that no crash forgets it."""
    await store.execute(query("note_stream_days"), {"stream_id": stream_id})
