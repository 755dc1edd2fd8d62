"""What a run tells: progress while it goes on, and a report when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from ingestion.documents import SourceFailure
    from ingestion.writer import BatchResult


class RunStatus(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: documents done of all, chunks written so far, what it is doing."""

    done: int
    total: int
    chunks: int
    phase: str


@dataclass(slots=True)
class RunReport:
    """Counts of one run over one source, and every failure by name.

    ``closed`` counts documents that were served until now and are covered by no valid ACL any more.
    ``held_deletions`` counts documents that vanished from a listing that shrank unusually: they
    stay until the run is repeated with confirmation.
    """

    run_id: str
    tenant: str
    source: str
    started_at: datetime
    finished_at: datetime | None = None
    status: RunStatus = RunStatus.RUNNING
    dry_run: bool = False
    listed: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    deleted: int = 0
    closed: int = 0
    unchanged: int = 0
    held_deletions: int = 0
    chunks_added: int = 0
    chunks_removed: int = 0
    chunks_deduplicated: int = 0
    failures: list[SourceFailure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many documents could not be ingested."""
        return len(self.failures)

    def count(self, result: BatchResult) -> None:
        """Add what one batch did."""
        self.chunks_added += result.chunks_added
        self.chunks_removed += result.chunks_removed
        self.chunks_deduplicated += result.chunks_deduplicated

    def finish(self, now: datetime) -> RunReport:
        """Close the report: partial if anything failed or was held, else ok."""
        self.finished_at = now
        incomplete = self.failures or self.held_deletions
        self.status = RunStatus.PARTIAL if incomplete else RunStatus.OK
        return self

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: times as ISO 8601, failures as objects."""
        fields = asdict(self) | {"failed": self.failed, "status": self.status.value}
        for name in ("started_at", "finished_at"):
            moment = getattr(self, name)
            fields[name] = None if moment is None else moment.isoformat()
        return fields
