"""What a run tells: progress while it goes on, and a report when it ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from ingestion.documents import SourceFailure
    from ingestion.writer import BatchResult

LISTED_BY_NAME: Final = 10_000
"""How many failures, and changes of a dry run, a report names; the rest it counts."""


class RunStatus(StrEnum):
    """How a run stands, or ended."""

    QUEUED = "queued"
    RUNNING = "running"
    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Change(StrEnum):
    """What a run does, or would do, with one listed document.

    ``moved`` is to another ACL; ``renamed`` keeps the document under another name; ``late`` is
    older than what the source has said before; ``skipped`` was left out on purpose.
    """

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    RENAMED = "renamed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    LATE = "late"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a run would do with one document."""

    external_id: str
    change: Change


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        done: documents dealt with and, where there was anything to write, written.
        total: of how many.
        chunks: written so far.
        phase: what the run is doing.
        rate: documents per second so far; None while too little is done to tell.
        eta_seconds: how long the rest takes at that rate.
    """

    done: int
    total: int
    chunks: int
    phase: str
    rate: float | None = None
    eta_seconds: float | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """A source that could not be run, or whose run broke off."""

    tenant: str
    source: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What running every configured source again came to."""

    reports: tuple[RunReport, ...]
    broken: tuple[BrokenRun, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "runs": [report.to_dict() for report in self.reports],
            "errors": [
                {"tenant": one.tenant, "source": one.source, "code": one.code, "error": one.message}
                for one in self.broken
            ],
        }


@dataclass(slots=True)
class RunReport:
    """Counts of one run over one source, and every failure by name.

    ``closed`` counts documents that were served until now and are covered by no valid ACL any more.
    ``held_deletions`` counts documents that vanished from a listing that shrank unusually: they
    stay until the run is repeated with confirmation. ``backlog`` counts listed documents that a
    run which was cut short did not come to. ``plan`` is what a dry run would do, without what it
    would leave alone; ``near`` are the counts of near-duplicates, where they were settled.
    ``not_optimised`` says why the index was left as it was: slower to search, and nothing amiss.
    """

    run_id: str
    tenant: str
    source: str
    started_at: datetime
    finished_at: datetime | None = None
    status: RunStatus = RunStatus.RUNNING
    error: str | None = None
    dry_run: bool = False
    listed: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    renamed: int = 0
    deleted: int = 0
    closed: int = 0
    unchanged: int = 0
    late: int = 0
    skipped: int = 0
    backlog: int = 0
    held_deletions: int = 0
    chunks_added: int = 0
    chunks_removed: int = 0
    chunks_deduplicated: int = 0
    rate: float | None = None
    failures: list[SourceFailure] = field(default_factory=list)
    failures_omitted: dict[str, int] = field(default_factory=dict)
    plan: list[PlannedChange] = field(default_factory=list)
    plan_omitted: int = 0
    near: dict[str, object] | None = None
    not_optimised: str | None = None

    @property
    def failed(self) -> int:
        """How many documents could not be ingested."""
        return len(self.failures) + sum(self.failures_omitted.values())

    @property
    def codes(self) -> dict[str, int]:
        """How many failures there were of each code, most frequent first."""
        counts = Counter(failure.code for failure in self.failures)
        counts.update(self.failures_omitted)
        return dict(counts.most_common())

    @property
    def done(self) -> int:
        """How many listed documents were dealt with, failures included."""
        changed = self.added + self.changed + self.moved + self.renamed
        return changed + self.unchanged + self.late + self.skipped + self.failed

    def fail(self, failure: SourceFailure) -> None:
        """Name a failure; past :data:`LISTED_BY_NAME`, only count it."""
        if len(self.failures) < LISTED_BY_NAME:
            self.failures.append(failure)
        else:
            code = failure.code
            self.failures_omitted[code] = self.failures_omitted.get(code, 0) + 1

    def take(self, external_id: str, change: Change, failure: SourceFailure | None = None) -> None:
        """Count what became of one document."""
        if failure is not None:
            self.fail(failure)
        else:
            setattr(self, change.value, getattr(self, change.value) + 1)
        if self.dry_run and change not in {Change.UNCHANGED, Change.SKIPPED}:
            self.foresee(external_id, change)

    def foresee(self, external_id: str, change: Change) -> None:
        """Name what a dry run would do with one document."""
        if len(self.plan) < LISTED_BY_NAME:
            self.plan.append(PlannedChange(external_id, change))
        else:
            self.plan_omitted += 1

    def count(self, result: BatchResult) -> None:
        """Add what one batch did."""
        self.chunks_added += result.chunks_added
        self.chunks_removed += result.chunks_removed
        self.chunks_deduplicated += result.chunks_deduplicated

    def finish(self, now: datetime, *, cancelled: bool = False) -> RunReport:
        """Close the report: partial if anything failed or was held, else ok."""
        incomplete = self.failures or self.held_deletions
        self.status = RunStatus.PARTIAL if incomplete else RunStatus.OK
        if cancelled:
            self.status = RunStatus.CANCELLED
        return self._end(now)

    def fall(self, now: datetime, error: str) -> RunReport:
        """Close the report of a run that broke off."""
        self.status, self.error = RunStatus.FAILED, error
        return self._end(now)

    def _end(self, now: datetime) -> RunReport:
        self.finished_at = now
        # A clock that went backwards tells no rate.
        seconds = (now - self.started_at).total_seconds()
        self.rate = round(self.done / seconds, 3) if seconds > 0 else None
        return self

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: times as ISO 8601, failures as objects."""
        fields = asdict(self) | {
            "failed": self.failed,
            "codes": self.codes,
            "status": self.status.value,
            "failures": [
                {"external_id": one.external_id, "code": one.code, "message": one.message}
                for one in self.failures
            ],
        }
        for name in ("started_at", "finished_at"):
            moment = getattr(self, name)
            fields[name] = None if moment is None else moment.isoformat()
        return fields
