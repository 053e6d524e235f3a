"""What a job is."""

from collections.abc import Awaitable, Callable

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store

Work = Callable[[Store, Settings], Awaitable[str]]
"""Does the job once and returns what it did, in a sentence; raises JobError or StoreError where it could not.

It is safe to run twice at once, and to end half-way: what is left undone, the next run does.
"""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job by name; `cron_of` reads its cron expression, or off, from the settings."""

    name: str
    purpose: str
    work: Work
    cron_of: Callable[[Settings], str]
