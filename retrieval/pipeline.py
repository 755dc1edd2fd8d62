"""The query path, top to bottom. Data flows one way; no step reaches back.

resolve → embed → search → fetch → recheck → rank, gate, collapse → trust, freshness → conclude.

The order that matters for security: the scope is resolved before the index is asked, the index is
asked under the scope, every row of the catalogue is rechecked against it, and the view is resolved
once more immediately before the answer leaves (:func:`_still`), so that a revocation, a deletion or
a move that returned while we were searching is obeyed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from acl.conditions import SOURCE, caller_filter
from ingestion.catalog import fetch, in_flight, served_generation, source_states
from ingestion.errors import EmbeddingError, IndexUnavailableError
from ingestion.index.lexical import encode_query
from ingestion.index.port import SearchRequest, SearchResult
from retrieval import metrics
from retrieval.choose import choose
from retrieval.compose import Cause, Pieces, compose
from retrieval.gate import admit, judge
from retrieval.query import Include
from retrieval.ranking import fuse
from retrieval.record import record
from retrieval.status import ReasonCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from acl.caller import Caller
    from acl.resolver import Resolved
    from acl.scope import AccessScope
    from ingestion.catalog import SourceState, StoredChunk
    from retrieval.evidence import RetrieveResponse
    from retrieval.query import RetrieveRequest
    from retrieval.ranking import Ranked
    from retrieval.runtime import Runtime

_ATTEMPTS = 3
_SPARE = 8  # candidates beyond the limit, for duplicates to fold and withheld pieces to drop


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the catalogue said at the start: the view, the generation, what is in flight."""

    resolved: Resolved
    generation: str | None
    excluded: frozenset[str]


class Standing(Enum):
    """How a snapshot stands at the moment the answer is about to leave."""

    HOLDS = auto()
    CONTENT_MOVED = auto()
    RIGHTS_MOVED = auto()


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._started = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under ``stage``."""
        now = time.perf_counter()
        elapsed = round((now - self._last) * 1000, 3)
        self.stages[stage] = self.stages.get(stage, 0.0) + elapsed
        self._last = now

    def total(self) -> float:
        """Milliseconds since the start."""
        return round((time.perf_counter() - self._started) * 1000, 3)


def retrieve(
    runtime: Runtime, caller: Caller, request: RetrieveRequest, *, request_id: str
) -> RetrieveResponse:
    """Answer a question with evidence the caller is cleared to see.

    Raises:
        acl.errors.AclError: the tenant is unknown or disabled, or the view too large.
        ingestion.errors.IndexUnavailableError: the index does not answer.
        sqlalchemy.exc.SQLAlchemyError: the catalogue does not answer. Nothing is served then.
    """
    watch = Stopwatch()
    for attempt in range(_ATTEMPTS):
        snapshot = _snapshot(runtime, caller)
        watch.lap("resolve")
        try:
            answer = _answer(runtime, request, snapshot, watch)
        except IndexUnavailableError:
            # A rebuild may have switched generations between snapshot and search.
            if attempt + 1 < _ATTEMPTS and _switched(runtime, caller, snapshot):
                if snapshot.generation is not None:
                    runtime.forget_index(snapshot.generation)
                continue
            raise
        standing = _still(runtime, caller, snapshot)
        if standing is Standing.HOLDS:
            break
        if standing is Standing.CONTENT_MOVED and attempt + 1 == _ATTEMPTS:
            # Documents in view change all the time: what is still there is served, the rest is not.
            answer = _what_stands(runtime, snapshot, answer)
            break
    else:
        # The view kept changing under us: answer from nothing rather than from a view that is over.
        snapshot = _snapshot(runtime, caller)
        answer = Pieces.nothing(ReasonCode.NO_MATCH)
    watch.lap("confirm")
    response = compose(
        answer,
        request_id=request_id,
        view=snapshot.resolved.view.digest,
        timings=watch.stages if Include.TIMINGS in request.include else {},
        scores=Include.SCORES in request.include,
    )
    record(
        runtime,
        caller,
        request,
        response,
        generation=snapshot.generation or "",
        duplicates=answer.duplicates,
        best=answer.best,
        latency_ms=watch.total(),
    )
    return response


def _snapshot(runtime: Runtime, caller: Caller) -> Snapshot:
    """Resolve the caller and note the generation and what is in flight, at one moment."""
    with runtime.database.read(caller.tenant) as session:
        generation = served_generation(session)
        resolved = runtime.resolver.resolve(session, caller, now=runtime.clock())
        excluded: frozenset[str] = frozenset()
        if generation is not None and not resolved.scope.empty:
            excluded = in_flight(session, resolved.scope, generation)
    return Snapshot(resolved, generation, excluded)


def _switched(runtime: Runtime, caller: Caller, snapshot: Snapshot) -> bool:
    """True iff another generation has become active since the snapshot."""
    with runtime.database.read(caller.tenant) as session:
        return served_generation(session) != snapshot.generation


def _still(runtime: Runtime, caller: Caller, snapshot: Snapshot) -> Standing:
    """Compare what the caller sees now with what they saw at the start.

    The tenant's versions are not compared: they move with the rights and the documents of others
    too, and an answer that came out differently for it would tell of them. The view digest commits
    to what this caller sees alone. The generation is read after the catalogue was; had it been
    switched before, its chunks would have been gone and the answer empty.
    """
    with runtime.database.read(caller.tenant) as session:
        now = runtime.resolver.resolve(session, caller, now=runtime.clock())
        same_generation = served_generation(session) == snapshot.generation
    before = snapshot.resolved
    same_rights = now.scope.acl_ids == before.scope.acl_ids
    if not same_generation or not same_rights or now.scope.closed != before.scope.closed:
        return Standing.RIGHTS_MOVED
    same_content = now.view.digest == before.view.digest
    return Standing.HOLDS if same_content else Standing.CONTENT_MOVED


def _what_stands(runtime: Runtime, snapshot: Snapshot, answer: Pieces) -> Pieces:
    """The answer without pieces that were deleted or changed since it was found."""
    scope, generation = snapshot.resolved.scope, snapshot.generation
    if generation is None or not answer.pieces:
        return answer
    with runtime.database.read(scope.tenant) as session:
        chunks = fetch(
            session, scope, generation, [p.chunk.id for p in answer.pieces], fingerprint=""
        )
    cited = {(ident, place.document_id) for ident, c in chunks.items() for place in c.places}
    pieces = tuple(p for p in answer.pieces if (p.chunk.id, p.dated.place.document_id) in cited)
    if pieces or answer.causes:
        return replace(answer, pieces=pieces)
    return Pieces.nothing(ReasonCode.NO_MATCH)


def _answer(
    runtime: Runtime, request: RetrieveRequest, snapshot: Snapshot, watch: Stopwatch
) -> Pieces:
    """Everything between the snapshot and the response."""
    scope, generation = snapshot.resolved.scope, snapshot.generation
    # The order is part of the promise: with nothing visible, neither embedder nor index is asked.
    if generation is None or scope.empty or snapshot.resolved.view.occurrences == 0:
        return Pieces.nothing(ReasonCode.NO_MATCH)
    vector, reasons = _embed(runtime, request.query)
    watch.lap("embed")
    result = _search(runtime, request, snapshot, generation, vector)
    watch.lap("search")
    if not result.exact and vector is not None:
        reasons.append(ReasonCode.APPROXIMATE)
    ranked = fuse(result)[: request.limit + _SPARE]
    chunks, sources = _fetch(runtime, request, scope, generation, ranked)
    watch.lap("fetch")
    fetched = [chunks[candidate.id] for candidate in ranked if candidate.id in chunks]
    kept = [chunk for chunk in fetched if recheck(scope, chunk)]
    metrics.current().recheck_drops(len(fetched) - len(kept))
    threshold = runtime.settings.min_relevance
    judged = judge(request.query, vector, kept, embedder=runtime.embedder.name)
    pieces, causes, duplicates = choose(
        admit(judged, threshold if request.min_relevance is None else request.min_relevance),
        {candidate.id: candidate for candidate in ranked},
        sources,
        limit=request.limit,
        now=runtime.clock(),
        max_age=request.max_age_seconds,
        policy=runtime.settings.trust_policy,
    )
    if not pieces and not causes:
        reasons.append(ReasonCode.LOW_RELEVANCE if kept else ReasonCode.NO_MATCH)
    watch.lap("judge")
    return Pieces(
        pieces=tuple(pieces),
        causes=(*(Cause(reason) for reason in reasons), *causes),
        mode="lexical" if vector is None else "hybrid",
        exact=result.exact,
        duplicates=duplicates,
        best=max((entry.relevance for entry in judged), default=None),
    )


def _embed(runtime: Runtime, query: str) -> tuple[NDArray[np.float32] | None, list[ReasonCode]]:
    """The query's vector, or None and the reason why words alone must do."""
    try:
        return runtime.embedder.embed_query(query), []
    except EmbeddingError:
        return None, [ReasonCode.LEXICAL_ONLY]


def _search(
    runtime: Runtime,
    request: RetrieveRequest,
    snapshot: Snapshot,
    generation: str,
    vector: NDArray[np.float32] | None,
) -> SearchResult:
    """Ask the index, under the scope, for candidates of both legs."""
    own = caller_filter({SOURCE: tuple(request.sources)}) if request.sources else ()
    return runtime.index(generation).search(
        snapshot.resolved.scope,
        SearchRequest(
            dense=vector,
            sparse=encode_query(request.query),
            limit=max(runtime.settings.candidates, 2 * request.limit),
            own=own,
            exclude=snapshot.excluded,
            exact=snapshot.resolved.view.occurrences <= runtime.settings.exact_limit,
        ),
    )


def _fetch(
    runtime: Runtime,
    request: RetrieveRequest,
    scope: AccessScope,
    generation: str,
    ranked: list[Ranked],
) -> tuple[dict[str, StoredChunk], dict[str, SourceState]]:
    """Candidates and their sources from the catalogue, under the scope again."""
    with runtime.database.read(scope.tenant) as session:
        chunks = fetch(
            session,
            scope,
            generation,
            [candidate.id for candidate in ranked],
            fingerprint=runtime.embedder.fingerprint,
            sources=request.sources,
        )
        names = sorted({place.source for chunk in chunks.values() for place in chunk.places})
        return chunks, source_states(session, scope.tenant, names)


def recheck(scope: AccessScope, chunk: StoredChunk) -> bool:
    """The last look at a row before it becomes evidence; a refusal here is a bug upstream."""
    return all(scope.permits(chunk.tenant, chunk.acl_id, place.source) for place in chunk.places)
