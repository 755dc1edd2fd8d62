"""Shadow traffic: questions asked again of a candidate generation, beside the active one.

Nothing of it is served, recorded or receipted. Each question is asked under the rights of whoever
asked it, as far as they go now; what comes back are ranks and overlaps, no names and no texts.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingestion.active import current_generation
from ingestion.errors import GenerationError
from ingestion.generations.asking import Examiner
from ingestion.models import GenerationRow, GenerationState
from ingestion.register import stored
from retrieval.ranking import fuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.caller import Caller
    from retrieval.runtime import Runtime

DEPTH = 10
"""How far down ranks are compared."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one question is answered by the candidate, held against the active generation.

    Attributes:
        question: its place in what was given, from 1.
        caller: its place among the callers, from 1.
        overlap: share of documents that both found (Jaccard).
        first_changed: whether another document comes first.
        moved: mean distance of ranks, of documents that both found; None without any.
        lost: documents that only the active one found.
        gained: documents that only the candidate found.
    """

    question: int
    caller: int
    overlap: float
    first_changed: bool
    moved: float | None
    lost: int
    gained: int


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What replaying brought; ``ratio`` is of median times, the candidate's over the active's."""

    candidate: str
    active: str
    changes: Sequence[Change]
    ratio: float | None

    @property
    def overlap(self) -> float | None:
        """The mean overlap; None if nothing was found by either."""
        return statistics.fmean(c.overlap for c in self.changes) if self.changes else None

    @property
    def first_changed(self) -> int:
        """Answers in which another document comes first."""
        return sum(change.first_changed for change in self.changes)

    def worst(self, limit: int = 10) -> list[Change]:
        """Answers that changed most."""
        return sorted(self.changes, key=lambda c: (c.overlap, c.question, c.caller))[:limit]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "candidate": self.candidate,
            "active": self.active,
            "answers": len(self.changes),
            "overlap": self.overlap,
            "first_changed": self.first_changed,
            "time_ratio": self.ratio,
            "worst": [
                {name: getattr(change, name) for name in change.__slots__}
                for change in self.worst()
            ],
        }


def shadow(
    runtime: Runtime, candidate: str, questions: Sequence[str], callers: Sequence[Caller]
) -> ShadowReport:
    """Ask every question as every caller who sees anything, of both generations.

    Args:
        runtime: the installation.
        candidate: a generation that is ready.
        questions: in words; records hold digests, so whoever kept the words gives them.
        callers: who asks.

    Raises:
        GenerationError: the candidate is not ready, or there is no active generation.
    """
    active = current_generation(runtime.database)
    if active is None:
        raise GenerationError(
            "no generation is active: there is nothing to compare with", code="no_active"
        )
    row = _ready(runtime, candidate)
    examiner = Examiner(
        runtime.ingest_context(),
        lambda result: [candidate.id for candidate in fuse(result)],
        time.perf_counter,
    )
    changes, ours, theirs = [], [], []
    for who, caller in enumerate(callers, start=1):
        scope = examiner.scope(caller)
        if scope.empty:
            continue
        for number, question in enumerate(questions, start=1):
            new, new_seconds = examiner.documents(row, scope, question, DEPTH)
            old, old_seconds = examiner.documents(active, scope, question, DEPTH)
            ours.append(new_seconds)
            theirs.append(old_seconds)
            if new or old:
                changes.append(compare(old, new, question=number, caller=who))
    ratio = statistics.median(ours) / statistics.median(theirs) if ours else None
    return ShadowReport(candidate, active.id, changes, ratio)


def compare(old: Sequence[str], new: Sequence[str], *, question: int, caller: int) -> Change:
    """Two rankings of documents, none twice in either; at least one is not empty."""
    both = set(old) & set(new)
    moved = [abs(old.index(name) - new.index(name)) for name in both]
    return Change(
        question=question,
        caller=caller,
        overlap=len(both) / len(set(old) | set(new)),
        first_changed=list(old[:1]) != list(new[:1]),
        moved=statistics.fmean(moved) if moved else None,
        lost=len(set(old) - both),
        gained=len(set(new) - both),
    )


def _ready(runtime: Runtime, ident: str) -> GenerationRow:
    with runtime.database.unguarded("generations belong to no tenant") as session:
        row = stored(session, ident, GenerationState.READY)
        session.refresh(row)
        session.expunge(row)
    return row
