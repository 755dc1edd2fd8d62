"""Measuring a candidate for the gate: one judged collection, asked in two worlds.

An installation that holds nothing yet is filled in two steps. First with the half that one reader
may see; they ask everything. Then with the other half, which they may not see; they ask again, and
every byte must be as before. Somebody who sees all then asks for the figures of ranking.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from acl.admin.directory import add_member
from acl.caller import ApiScope, Caller
from acl.principal import Principal
from ingestion.generations.ranked import ndcg, recall
from ingestion.jobs import SourceConfig, ingest
from retrieval.evaluation.citation_cases import cases, told_rightly
from retrieval.evaluation.collection import REST, SCHEME, Collection, group_of
from retrieval.evaluation.gate_figures import Figure, Measured
from retrieval.evaluation.injection import evaluate_injection, service_scores
from retrieval.evaluation.resample import Resampling
from retrieval.evaluation.support import evaluate_support
from retrieval.pipeline import retrieve
from retrieval.query import MAX_LIMIT, RetrieveRequest
from retrieval.status import ReasonCode
from retrieval.verify import verify_claims
from verifier.support import check_support

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from retrieval.evaluation.injection import Scorer as Screen
    from retrieval.evaluation.judged import Judged
    from retrieval.evaluation.lines import InjectionLine, SupportLine
    from retrieval.evaluation.support import Scorer as Judge
    from retrieval.evidence import RetrieveResponse
    from retrieval.runtime import Runtime

TENANT: Final = "evaluation"
DEPTH: Final = 10
MAX_AGE: Final = timedelta(days=1)
_HALF: Final = "share-1"
_REQUEST: Final = "0" * 32
# Of the moment: a receipt, and its id, say when it was issued.
_NOT_COMPARED: Final = {"receipt", "receipt_id", "timings_ms", "request_id"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is put to the test: the parts of a service that answer.

    Attributes:
        ask: answers a question.
        check: checks claims.
        screen: scores texts for injected instructions.
        judge: judges a claim against evidence.
    """

    ask: Callable[..., RetrieveResponse] = retrieve
    check: Callable[..., Any] = verify_claims
    screen: Screen = service_scores
    judge: Judge = check_support


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that a candidate is asked.

    Attributes:
        judged: a collection with questions and judgements.
        injection: labelled texts for the screen; none to leave it out.
        support: labelled pairs for the judge; none to leave it out.
    """

    judged: Judged
    injection: Sequence[InjectionLine] = ()
    support: Sequence[SupportLine] = field(default=())

    @property
    def digest(self) -> str:
        """Of all of it: the same for the same data, in any order of documents."""
        judged = self.judged
        lines = [line.model_dump(mode="json") for line in (*self.injection, *self.support)]
        documents = sorted((d.name, d.title, d.text) for d in judged.documents.values())
        grades = {question: dict(of) for question, of in judged.grades.items()}
        said = json.dumps([documents, dict(judged.questions), grades, lines], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


def measure(runtime: Runtime, asked: Asked, candidate: Candidate | None = None) -> Measured:
    """Fill an empty installation, ask it everything, and give the figures.

    Args:
        runtime: an installation that holds nothing yet; its clock is put forward at the end.
        asked: what.
        candidate: who answers; None for the service as it is.

    Raises:
        ingestion.errors.IngestionError: the collection cannot be ingested.
    """
    run = _Run(runtime, asked, candidate or Candidate())
    figures = {**run.worlds(), **run.ranking(), **run.citations(), **run.staleness(), **run.texts()}
    judge = runtime.support_model
    made_of = {
        "version": version("clearance-retrieval"),
        "embedder": runtime.embedder.name,
        "judge": "rules" if judge is None else type(judge).__name__,
    }
    return Measured(candidate=made_of, data=asked.digest, figures=figures)


class _Run:
    """One measurement."""

    def __init__(self, runtime: Runtime, asked: Asked, candidate: Candidate) -> None:
        self._runtime, self._asked, self._candidate = runtime, asked, candidate
        self._collection = Collection.shared_out(asked.judged.documents, (0.5,))

    def worlds(self) -> dict[str, Figure]:
        """What somebody who sees one half gets, without and with the other half."""
        judged = self._asked.judged
        visible = {n for n, acl in self._collection.acls_of.items() if acl == _HALF}
        half = {name: judged.documents[name] for name in visible}
        self._ingest(replace(self._collection, documents=half))
        who = _caller("user:half")
        alone = {q: self._ask(who, text) for q, text in judged.questions.items()}
        self._ingest(self._collection)
        leaked = differences = 0
        for question, text in judged.questions.items():
            answer = self._ask(who, text)
            leaked += len(set(_names(answer)) - visible)
            differences += _comparable(answer) != _comparable(alone[question])
        return {
            "leaked": Figure(value=leaked),
            "two_world_differences": Figure(value=differences),
        }

    def ranking(self) -> dict[str, Figure]:
        """How well somebody who sees all is answered, and how fast."""
        judged, who = self._asked.judged, _caller("user:all")
        self._ask(who, next(iter(judged.questions.values())))  # warms up
        values: dict[str, list[float]] = {"ndcg@10": [], "recall@10": []}
        seconds = []
        for question in sorted(judged.questions):
            started = time.perf_counter()
            answer = self._ask(who, judged.questions[question])
            seconds.append(time.perf_counter() - started)
            found, grades = _names(answer), judged.grades[question]
            values["ndcg@10"].append(ndcg(found, grades, depth=DEPTH))
            values["recall@10"].append(recall(found, grades, depth=DEPTH))
        return {
            **{name: _mean(of) for name, of in values.items()},
            "latency": Figure(value=statistics.median(seconds) / yardstick()),
        }

    def citations(self) -> dict[str, Figure]:
        """How many citations made by rule are told for what they are."""
        who, judged = _caller("user:all"), self._asked.judged
        answers = [self._ask(who, text) for text in list(judged.questions.values())[:20]]
        made = cases([piece for answer in answers for piece in answer.evidence[:2]])
        right = [
            float(
                told_rightly(
                    case,
                    self._candidate.check(self._runtime, who, case.request, request_id=_REQUEST),
                )
            )
            for case in made
        ]
        return {"citations_told": _mean(right)} if right else {}

    def staleness(self) -> dict[str, Figure]:
        """Answers that rest on text too old and do not say so, once the source's time is over."""
        clock = self._runtime.clock
        late = clock() + 2 * MAX_AGE
        self._runtime.clock = lambda: late
        try:
            who = _caller("user:all")
            answers = [self._ask(who, text) for text in self._asked.judged.questions.values()]
        finally:
            self._runtime.clock = clock
        said = {ReasonCode.STALE_EVIDENCE, ReasonCode.STALE_SOURCE}
        unsaid = sum(
            bool(answer.evidence) and not said & {reason.code for reason in answer.reasons}
            for answer in answers
        )
        return {"stale_unsaid": Figure(value=unsaid)}

    def texts(self) -> dict[str, Figure]:
        """What the screen and the judge are worth on labelled texts."""
        figures: dict[str, Figure | None] = {}
        resampling = Resampling(200)
        if self._asked.injection:
            found = evaluate_injection(
                self._asked.injection, resampling=resampling, scorer=self._candidate.screen
            ).overall.measures
            named = {"injection_recall": "recall", "injection_false_alarms": "false_alarms"}
            figures |= {name: _figure(found[of]) for name, of in named.items()}
        if self._asked.support:
            found = evaluate_support(
                self._asked.support, resampling=resampling, scorer=self._candidate.judge
            ).overall.measures
            figures["support_accuracy"] = _figure(found["supported_balanced_accuracy"])
        return {name: figure for name, figure in figures.items() if figure is not None}

    def _ask(self, who: Caller, text: str) -> RetrieveResponse:
        request = RetrieveRequest(query=text, limit=MAX_LIMIT, min_relevance=0)
        return self._candidate.ask(self._runtime, who, request, request_id=_REQUEST)

    def _ingest(self, collection: Collection) -> None:
        config = SourceConfig("collection", {}, max_age_seconds=int(MAX_AGE.total_seconds()))
        ingest(self._runtime.ingest_context(), collection, tenant=TENANT, config=config)
        with self._runtime.database.write(TENANT) as session:
            for acl in (REST, _HALF):
                group = Principal.parse(group_of(acl))
                for user in ("user:all", "user:half") if acl == _HALF else ("user:all",):
                    now = self._runtime.clock()
                    add_member(session, TENANT, group, Principal.parse(user), now=now)


def yardstick() -> float:
    """Seconds that this machine needs for a fixed piece of work: a unit to measure time in."""
    matrix = np.random.default_rng(0).random((200, 200))
    taken = []
    for _ in range(9):
        started = time.perf_counter()
        for _ in range(5):
            matrix @ matrix
        json.loads(json.dumps(list(range(20_000))))
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _caller(user: str) -> Caller:
    return Caller(TENANT, Principal.parse(user), api_scopes=frozenset({ApiScope.RETRIEVE}))


def _names(answer: RetrieveResponse) -> list[str]:
    cited = (piece.citation.uri.removeprefix(SCHEME) for piece in answer.evidence)
    return list(dict.fromkeys(cited))


def _comparable(answer: RetrieveResponse) -> Mapping[str, Any]:
    """An answer without what differs from one moment to the next."""
    told = answer.model_dump(mode="json", exclude=_NOT_COMPARED)
    for piece in told["evidence"]:
        del piece["freshness"]
    return told


def _mean(values: Sequence[float]) -> Figure:
    weighed = Resampling().estimates(
        [0] * len(values), {"mean": lambda weights: float(np.average(values, weights=weights))}
    )["mean"]
    return Figure(
        value=float(np.mean(values)), low=weighed.low, high=weighed.high, samples=tuple(values)
    )


def _figure(estimate: Any) -> Figure | None:
    if estimate.value is None:
        return None
    return Figure(value=estimate.value, low=estimate.low, high=estimate.high)
