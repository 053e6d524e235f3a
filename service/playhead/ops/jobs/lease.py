"""Which run may do a job: one at a time, across workers and hosts.

ClickHouse has no compare-and-set. What it has is that a row is seen by every read after its insert, and with that
the doorway of Lamport's bakery works: a run first says that it is looking, looks whether another one stands, stands
itself, and has the lease once nobody looks any more and none with a lesser id stands. Of two that come at once one
has it. A lease only saves work all the same: one that expired under a run that still lives (the database was away)
is given to the next, and every job is safe to run twice at once.
"""

import asyncio

import msgspec

from playhead.store.contract import Store
from playhead.store.sql_files import query

LOOKING_MS = 10_000
"""One who died while it looked is in nobody's way after this."""

_LOOK_AGAIN_S = 0.05


class Rival(msgspec.Struct, frozen=True):
    """Another run of the job that stands, or looks around before it does."""

    rival_id: str
    is_standing: bool


def is_first(run_id: str, rivals: list[Rival]) -> bool | None:
    """Return whether a run that stands has the lease; None: somebody still looks, ask again."""
    if any(rival.is_standing and rival.rival_id < run_id for rival in rivals):
        return False
    return True if all(rival.is_standing for rival in rivals) else None


class Lease:
    """The lease of one run on one job; times are the database's."""

    def __init__(self, store: Store, job: str, run_id: str, lease_ms: int) -> None:
        self._store = store
        self._job = job
        self._run_id = run_id
        self._lease_ms = lease_ms

    async def take(self) -> bool:
        """Return whether it was had; where another run has it, nothing of this one is left."""
        await self._write(is_standing=False, lease_ms=LOOKING_MS)
        is_had = not any(rival.is_standing for rival in await self._fetch_rivals()) and await self._stand()
        if not is_had:
            await self.give_back()
        return is_had

    async def renew(self) -> None:
        """Keep it for as long again, from now."""
        await self._write(is_standing=True, lease_ms=self._lease_ms)

    async def give_back(self) -> None:
        """Let the next one have it."""
        await self._write(is_standing=False, lease_ms=0)

    async def _stand(self) -> bool:
        await self.renew()
        while (is_had := is_first(self._run_id, await self._fetch_rivals())) is None:  # noqa: ASYNC110 - the others are other processes
            await asyncio.sleep(_LOOK_AGAIN_S)
        return is_had

    async def _fetch_rivals(self) -> list[Rival]:
        return await self._store.fetch(query("job_leases"), Rival, {"job": self._job, "run_id": self._run_id})

    async def _write(self, *, is_standing: bool, lease_ms: int) -> None:
        line = msgspec.json.encode([self._job, self._run_id, is_standing, lease_ms])
        await self._store.insert("job_leases", ["job", "run_id", "is_standing", "lease_ms"], line + b"\n")
