"""What drift checks found: the table of it."""

from datetime import date
from enum import StrEnum
from typing import Literal
from uuid import uuid4

import msgspec

from playhead.store.contract import Store
from playhead.store.sql_files import query


class Subject(StrEnum):
    """What is compared with what comes out when it is worked out anew."""

    SESSIONS = "sessions"
    STREAM_DAILY = "stream_daily"
    STREAM_DIMENSION_DAILY = "stream_dimension_daily"
    DIMENSION_DAILY = "dimension_daily"
    DIMENSION_HOURLY = "dimension_hourly"
    VIEWERS_DAILY = "viewers_daily"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One subject on one day: rows compared, how many of them differ, and the keys of at most 10 that do."""

    day: date
    subject: Subject
    checked: int = 0
    differing: int = 0
    examples: tuple[str, ...] = ()


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, newest day first; checked_at in ms, None: nothing was ever checked."""

    checked_at: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def status(self) -> Literal["never", "ok", "drifted"]:
        """Whether anything differs."""
        if self.checked_at is None:
            return "never"
        return "drifted" if any(finding.differing for finding in self.findings) else "ok"

    @property
    def days(self) -> int:
        """On how many days."""
        return len({finding.day for finding in self.findings})

    @property
    def summary(self) -> str:
        """The report in a sentence."""
        sums = {subject: self.sums(subject) for subject in Subject}
        compared = sum(checked for checked, _ in sums.values())
        told = ", ".join(f"{differing} of {subject}" for subject, (_, differing) in sums.items() if differing)
        return f"{self.days} days, {compared} rows compared; {f'{told} differ' if told else 'none differs'}"

    def sums(self, subject: Subject) -> tuple[int, int]:
        """Return how many rows of a subject were compared, and how many of them differ, over all days."""
        own = [finding for finding in self.findings if finding.subject == subject]
        return sum(finding.checked for finding in own), sum(finding.differing for finding in own)


class _StoredFinding(Finding, frozen=True, kw_only=True):
    checked_ms: int


async def write_findings(store: Store, findings: list[Finding]) -> None:
    """Store the findings of one check, all or none."""
    check_id = str(uuid4())
    columns = ("check_id", *Finding.__struct_fields__)
    lines = [(check_id, *msgspec.structs.astuple(finding)) for finding in findings]
    await store.insert("drift_checks", columns, msgspec.json.Encoder().encode_lines(lines))


async def fetch_last_check(store: Store) -> DriftReport:
    """Return what the newest check of all found."""
    rows = await store.fetch(query("last_drift_check"), _StoredFinding)
    findings = tuple(
        Finding(day=row.day, subject=row.subject, checked=row.checked, differing=row.differing, examples=row.examples)
        for row in rows
    )
    return DriftReport(checked_at=rows[0].checked_ms if rows else None, findings=findings)
