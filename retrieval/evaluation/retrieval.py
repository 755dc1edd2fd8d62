"""Evaluating search on a judged collection: each leg, both fused, and what the service answers.

The collection is ingested into an installation of its own by the real job, and asked by the real
pipeline. What never lives here: reading files, and showing figures.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from acl.admin.directory import add_member
from acl.caller import ApiScope, Caller
from acl.principal import Principal
from ingestion.generations.asking import Examiner
from ingestion.generations.ranked import ndcg, recall, reciprocal_rank
from ingestion.jobs import SourceConfig, ingest
from retrieval.evaluation.collection import REST, SCHEME, Collection, group_of
from retrieval.evaluation.exact import Nearest
from retrieval.pipeline import retrieve
from retrieval.query import MAX_LIMIT, RetrieveRequest
from retrieval.ranking import fuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingestion.index.port import SearchResult
    from ingestion.report import Progress
    from retrieval.evaluation.judged import Judged
    from retrieval.evaluation.resample import Estimate, Floats, Measure, Resampling
    from retrieval.runtime import Runtime

TENANT: Final = "evaluation"
DEPTH: Final = 10
EVERYONE: Final = "user:sees-all"
SERVED: Final = "served"
RANKINGS: Final[Mapping[str, Callable[[SearchResult], Sequence[str]]]] = {
    "words": lambda result: [hit.id for hit in result.sparse],
    "meaning": lambda result: [hit.id for hit in result.dense],
    "fused": lambda result: [candidate.id for candidate in fuse(result)],
}
"""What is compared: the lexical leg, the dense leg, and both by reciprocal rank."""


@dataclass(frozen=True, slots=True)
class ViewFigures:
    """What somebody gets who sees a share of the collection.

    Attributes:
        share: of the documents that was asked for.
        documents: that they see.
        recall_of_exact: share of the ten nearest visible documents, by brute force over all
            vectors, that the dense leg finds; the mean of all questions.
        leaked: documents in answers that they do not see.
        milliseconds: of the median answer.
    """

    share: float
    documents: int
    recall_of_exact: float
    leaked: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """An evaluation of search.

    Attributes:
        embedder: what made the vectors.
        documents: that were indexed.
        refused: documents that were not, for their form (an empty text, for example).
        questions: that were asked.
        measures: by ranking, then by measure.
        milliseconds: of answers, median and 95th percentile.
        ingest_seconds: of the run.
        views: one for each share.
        resampling: behind the intervals.
    """

    embedder: str
    documents: int
    refused: int
    questions: int
    measures: Mapping[str, Mapping[str, Estimate]]
    milliseconds: tuple[float, float]
    ingest_seconds: float
    views: Sequence[ViewFigures]
    resampling: Resampling

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "task": "retrieval",
            "embedder": self.embedder,
            "documents": self.documents,
            "refused": self.refused,
            "questions": self.questions,
            "rankings": {
                ranking: {name: estimate.to_dict() for name, estimate in measures.items()}
                for ranking, measures in self.measures.items()
            },
            "answer_ms": {
                "p50": round(self.milliseconds[0], 2),
                "p95": round(self.milliseconds[1], 2),
            },
            "ingest_seconds": round(self.ingest_seconds, 2),
            "views": [
                {
                    "share": view.share,
                    "documents": view.documents,
                    "recall_of_exact": round(view.recall_of_exact, 6),
                    "leaked": view.leaked,
                    "p50_ms": round(view.milliseconds, 2),
                }
                for view in self.views
            ],
            "intervals": self.resampling.to_dict(),
        }


def evaluate_retrieval(
    runtime: Runtime,
    judged: Judged,
    *,
    shares: Sequence[float] = (),
    resampling: Resampling,
    on_ingest: Callable[[Progress], None] | None = None,
    on_question: Callable[[int, int], None] = lambda _done, _all: None,
) -> RetrievalReport:
    """Ingest a collection and ask its questions.

    Args:
        runtime: an installation that holds nothing yet.
        judged: the collection.
        shares: of the documents, that one user each may see; together at most 1.
        resampling: how the intervals are made.
        on_ingest: told of each document.
        on_question: told how many answers there are, of how many.

    Raises:
        ingestion.errors.IngestionError: the collection cannot be ingested.
    """
    collection = Collection.shared_out(judged.documents, shares)
    started = time.perf_counter()
    report = ingest(
        runtime.ingest_context(),
        collection,
        tenant=TENANT,
        config=SourceConfig("collection", {}),
        on_progress=on_ingest,
    )
    seconds = time.perf_counter() - started
    _admit(runtime, len(shares))
    asking = _Asking(runtime, judged, on_question, total=len(judged.questions) * (len(shares) + 1))
    rankings, milliseconds = asking.rankings()
    return RetrievalReport(
        embedder=runtime.embedder.name,
        documents=len(judged.documents) - len(report.failures),
        refused=len(report.failures),
        questions=len(judged.questions),
        measures={
            name: _measures(judged, found, resampling=resampling)
            for name, found in rankings.items()
        },
        milliseconds=(
            statistics.median(milliseconds),
            float(np.quantile(milliseconds, 0.95)),
        ),
        ingest_seconds=seconds,
        views=[
            asking.view(collection, number, share) for number, share in enumerate(shares, start=1)
        ],
        resampling=resampling,
    )


def _admit(runtime: Runtime, shares: int) -> None:
    with runtime.database.write(TENANT) as session:
        for acl in (REST, *(f"share-{number}" for number in range(1, shares + 1))):
            group = Principal.parse(group_of(acl))
            for user in {EVERYONE, _user(acl)}:
                add_member(session, TENANT, group, Principal.parse(user), now=runtime.clock())


def _user(acl: str) -> str:
    return f"user:sees-{acl}"


def _caller(user: str) -> Caller:
    return Caller(TENANT, Principal.parse(user), api_scopes=frozenset({ApiScope.RETRIEVE}))


def _measures(
    judged: Judged, found: Mapping[str, Sequence[str]], *, resampling: Resampling
) -> dict[str, Estimate]:
    measured = {
        f"ndcg@{DEPTH}": ndcg,
        f"recall@{DEPTH}": recall,
        f"mrr@{DEPTH}": reciprocal_rank,
    }
    values = {
        name: np.array([measure(found[q], judged.grades[q], depth=DEPTH) for q in judged.questions])
        for name, measure in measured.items()
    }
    return resampling.estimates(
        [0] * len(judged.questions), {name: _mean(of) for name, of in values.items()}
    )


def _mean(values: Floats) -> Measure:
    return lambda weights: float(np.average(values, weights=weights))


class _Asking:
    """Asks the questions of a collection, over and over."""

    def __init__(
        self,
        runtime: Runtime,
        judged: Judged,
        on_question: Callable[[int, int], None],
        *,
        total: int,
    ) -> None:
        self._runtime = runtime
        self._judged = judged
        self._on_question = on_question
        self._total = total
        self._done = 0
        generation = runtime.generation()
        assert generation is not None, "a run makes one"  # noqa: S101
        self._generation = generation

    def rankings(self) -> tuple[dict[str, dict[str, list[str]]], list[float]]:
        """Documents by ranking and question, as seen by one who sees all; and answers' times."""
        found: dict[str, dict[str, list[str]]] = {name: {} for name in (*RANKINGS, SERVED)}
        milliseconds = []
        caller = _caller(EVERYONE)
        examiners = {name: self._examiner(rank) for name, rank in RANKINGS.items()}
        for question, text in self._judged.questions.items():
            for name, examiner in examiners.items():
                documents, _ = examiner.documents(
                    self._generation, examiner.scope(caller), text, DEPTH
                )
                found[name][question] = documents
            found[SERVED][question], taken = self._answer(caller, text)
            milliseconds.append(taken)
        return found, milliseconds

    def view(self, collection: Collection, number: int, share: float) -> ViewFigures:
        """What somebody gets who sees one share."""
        acl = f"share-{number}"
        visible = {name for name, of in collection.acls_of.items() if of == acl}
        caller = _caller(_user(acl))
        examiner = self._examiner(RANKINGS["meaning"])
        scope = examiner.scope(caller)
        nearest = Nearest.of(self._runtime, scope, self._generation)
        recalls, milliseconds, leaked = [], [], 0
        for text in self._judged.questions.values():
            found, _ = examiner.documents(self._generation, scope, text, DEPTH)
            recalls.append(nearest.recall(text, found, depth=DEPTH))
            answer, taken = self._answer(caller, text)
            milliseconds.append(taken)
            leaked += len({*answer, *found} - visible)
        return ViewFigures(
            share, len(visible), statistics.fmean(recalls), leaked, statistics.median(milliseconds)
        )

    def _examiner(self, rank: Callable[[SearchResult], Sequence[str]]) -> Examiner:
        return Examiner(self._runtime.ingest_context(), rank, time.perf_counter)

    def _answer(self, caller: Caller, text: str) -> tuple[list[str], float]:
        """Documents of an answer, and milliseconds taken. No threshold: a ranking is judged."""
        request = RetrieveRequest(query=text, limit=MAX_LIMIT, min_relevance=0)
        started = time.perf_counter()
        response = retrieve(self._runtime, caller, request, request_id="0" * 32)
        taken = (time.perf_counter() - started) * 1000
        self._done += 1
        self._on_question(self._done, self._total)
        cited = (piece.citation.uri.removeprefix(SCHEME) for piece in response.evidence)
        return list(dict.fromkeys(cited)), taken
