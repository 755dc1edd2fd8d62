"""Asking two generations the same: how good the answers are, and how long they take."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.resolve import resolve
from ingestion.generations.ranked import ndcg
from ingestion.generations.report import Check, Condition
from ingestion.index.lexical import encode_query
from ingestion.index.port import SearchRequest
from ingestion.models import DocumentRow, OccurrenceRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.context import IngestContext
    from ingestion.generations.report import Question, Thresholds
    from ingestion.index.port import SearchResult
    from ingestion.models import GenerationRow

    Ranking = Callable[[SearchResult], Sequence[str]]

_CANDIDATES = 64


@dataclass(slots=True)
class Asked:
    """What asking both generations brought.

    Attributes:
        ours: nDCG of each labelled question, of the generation at the gate.
        theirs: the same, of the active one.
        overlaps: of each unlabelled question, the share of documents in both answers.
        our_seconds: of each query.
        their_seconds: the same, of the active one.
    """

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    our_seconds: list[float] = field(default_factory=list)
    their_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks a generation as a caller would, without a receipt and without a record.

    Attributes:
        context: the installation.
        rank: the fusion of both legs that queries use; gives chunk ids, best first.
        timer: seconds, for differences.
    """

    context: IngestContext
    rank: Ranking
    timer: Callable[[], float]

    def scope(self, caller: Caller) -> AccessScope:
        """What the caller sees now."""
        with self.context.database.read(caller.tenant) as session:
            return resolve(session, caller, now=self.context.clock())

    def request(self, row: GenerationRow, question: str) -> SearchRequest:
        """A question as the index of a generation understands it."""
        return SearchRequest(
            dense=self.context.embedder_of(row).embed_query(question),
            sparse=encode_query(question),
            limit=_CANDIDATES,
        )

    def documents(
        self, row: GenerationRow, scope: AccessScope, question: str, depth: int
    ) -> tuple[list[str], float]:
        """External ids of the first documents of the answer, best first, and seconds taken."""
        started = self.timer()
        result = self.context.index(row.id).search(scope, self.request(row, question))
        seconds = self.timer() - started
        ranked = list(self.rank(result))
        with self.context.database.read(scope.tenant) as session:
            rows = session.execute(
                select(OccurrenceRow.chunk_id, DocumentRow.external_id, DocumentRow.source)
                .join(
                    DocumentRow,
                    (DocumentRow.tenant == OccurrenceRow.tenant)
                    & (DocumentRow.id == OccurrenceRow.document_id),
                )
                .where(
                    OccurrenceRow.tenant == scope.tenant,
                    OccurrenceRow.generation == row.id,
                    OccurrenceRow.chunk_id.in_(ranked),
                    DocumentRow.acl_id.in_(scope.sorted_ids),
                )
            ).all()
        names: dict[str, set[str]] = {}
        for chunk, name, _source in rows:
            names.setdefault(chunk, set()).add(name)
        found = dict.fromkeys(name for ident in ranked for name in sorted(names.get(ident, ())))
        return list(found)[:depth], seconds


def ask_both(
    examiner: Examiner,
    row: GenerationRow,
    active: GenerationRow,
    questions: Sequence[Question],
    callers: Sequence[Caller],
    *,
    depth: int,
) -> Asked:
    """Ask every question as every caller who sees anything, of both generations in turn."""
    asked = Asked()
    for caller in callers:
        scope = examiner.scope(caller)
        if scope.empty:
            continue
        for question in questions:
            ours, our_seconds = examiner.documents(row, scope, question.text, depth)
            theirs, their_seconds = examiner.documents(active, scope, question.text, depth)
            asked.our_seconds.append(our_seconds)
            asked.their_seconds.append(their_seconds)
            if question.relevant:
                grades = dict.fromkeys(question.relevant, 1)
                asked.ours.append(ndcg(ours, grades, depth=depth))
                asked.theirs.append(ndcg(theirs, grades, depth=depth))
            elif theirs or ours:
                together = max(len(ours), len(theirs))
                asked.overlaps.append(len(set(ours) & set(theirs)) / together)
    return asked


def check_quality(asked: Asked, thresholds: Thresholds) -> Check:
    """Labelled questions are answered about as well, unlabelled ones with about the same."""
    figures: dict[str, float] = {"labelled": len(asked.ours), "unlabelled": len(asked.overlaps)}
    faults = []
    if asked.ours:
        ours, theirs = statistics.fmean(asked.ours), statistics.fmean(asked.theirs)
        figures |= {"ndcg": round(ours, 4), "ndcg_active": round(theirs, 4)}
        if ours < theirs - thresholds.ndcg_loss:
            faults.append(f"nDCG falls from {theirs:.3f} to {ours:.3f}")
    if asked.overlaps:
        overlap = statistics.fmean(asked.overlaps)
        figures["overlap"] = round(overlap, 4)
        if overlap < thresholds.overlap:
            faults.append(f"only {overlap:.0%} of what is found is found by both")
    if not (asked.ours or asked.overlaps):
        faults.append("no question could be compared: give questions and callers who see something")
    return Check(
        Condition.QUALITY,
        passed=not faults,
        detail="; ".join(faults) or "it answers about as well as the active one",
        figures=figures,
    )


def check_latency(asked: Asked, thresholds: Thresholds) -> Check:
    """The median query takes no more than the agreed multiple of what it takes now."""
    if not asked.our_seconds:
        return Check(Condition.LATENCY, passed=False, detail="nothing was asked", figures={})
    ours, theirs = statistics.median(asked.our_seconds), statistics.median(asked.their_seconds)
    allowed = max(thresholds.latency_floor, thresholds.latency_ratio * theirs)
    return Check(
        Condition.LATENCY,
        passed=ours <= allowed,
        detail=f"the median query takes {ours * 1000:.1f} ms, {theirs * 1000:.1f} ms now",
        figures={"seconds": round(ours, 6), "seconds_active": round(theirs, 6)},
    )
