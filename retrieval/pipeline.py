"""The query path, top to bottom. Data flows one way; no step reaches back.

resolve → embed → search → fetch → recheck → rank, gate, collapse → trust, freshness → conclude →
receipt, audit → last look.

The order that matters for security: the scope is resolved before the index is asked, the index is
asked under the scope, every row of the catalogue is rechecked against it, and what the answer rests
on is compared with the catalogue once more (:mod:`retrieval.standing`), so that a revocation, a
deletion or a move that returned while we were searching is obeyed. Then the answer is recorded, and
only when that is durable are the rights looked at for the last time: nothing leaves that is not
recorded, and nothing happens between the last look and the bytes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ingestion.catalog import fetch, source_states
from ingestion.errors import EmbeddingError, IndexUnavailableError
from ingestion.index.lexical import encode_query
from ingestion.index.port import SearchRequest, SearchResult
from retrieval import metrics
from retrieval.account import account_for_answer, require_time_for, withdraw
from retrieval.choose import choose
from retrieval.compose import Cause, Pieces, compose
from retrieval.cursor import cursor_after, offset_of
from retrieval.filtering import require_layout, standing_where
from retrieval.gate import admit, judge
from retrieval.query import Include
from retrieval.ranking import fuse
from retrieval.record import record
from retrieval.refine import WINDOW, refine
from retrieval.resilience.deadline import require_time
from retrieval.resilience.guards import MISMATCH
from retrieval.resilience.memory import key_of
from retrieval.standing import Standing, rights_hold, snapshot, still, switched
from retrieval.status import ReasonCode
from retrieval.stopwatch import Stopwatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.catalog import SourceState, StoredChunk
    from ingestion.models import GenerationRow
    from retrieval.evidence import RetrieveResponse
    from retrieval.query import RetrieveRequest
    from retrieval.ranking import Ranked
    from retrieval.runtime import Runtime
    from retrieval.standing import Snapshot

_ATTEMPTS = 3
_SPARE = 8  # candidates beyond the limit, for duplicates to fold and withheld pieces to drop


def retrieve(
    runtime: Runtime, caller: Caller, request: RetrieveRequest, *, request_id: str
) -> RetrieveResponse:
    """Answer a question with evidence the caller is cleared to see.

    Raises:
        acl.errors.AclError: the tenant is unknown or disabled, the view too large, or a cursor or
            token of the request not valid; the audit cannot be written. Nothing is served then.
        ingestion.errors.IndexUnavailableError: the index does not answer.
        ingestion.errors.CatalogError, sqlalchemy.exc.SQLAlchemyError: the catalogue does not
            answer. Nothing is served then.
        DeadlineExceededError: time ran out. Nothing is served then.
    """
    work = partial(_retrieve, runtime, caller, request, request_id=request_id)
    return runtime.guards.catalogue.call(work)


def _retrieve(
    runtime: Runtime, caller: Caller, request: RetrieveRequest, *, request_id: str
) -> RetrieveResponse:
    """The same, without the guard around it."""
    watch = Stopwatch("retrieve")
    for attempt in range(_ATTEMPTS):
        last = attempt + 1 == _ATTEMPTS
        before = snapshot(
            runtime,
            caller,
            question=request.query,
            at_least_as_fresh=request.at_least_as_fresh,
        )
        # Another generation ranks otherwise, even where the same can be seen.
        view = f"{before.resolved.view.digest} {before.generation}"
        offset = offset_of(runtime.secret, caller, request, view=view)
        watch.lap("resolve")
        try:
            found = _answer(runtime, request, before, watch, offset=offset)
        except IndexUnavailableError:
            # A rebuild may have switched generations between snapshot and search.
            if not last and switched(runtime, caller, before):
                if before.generation is not None:
                    runtime.forget_index(before.generation)
                continue
            raise
        standing = still(runtime, caller, before)
        watch.lap("confirm")
        if standing is Standing.CONTENT_MOVED and last:
            # Documents in view change all the time: what is still there is served, the rest is not.
            found, standing = _what_stands(runtime, before, found), Standing.HOLDS
        if standing is not Standing.HOLDS:
            continue
        cursor = None
        if found.more:
            end = offset + request.limit
            cursor = cursor_after(runtime.secret, caller, request, view=view, offset=end)
        response = _respond(
            runtime, request, before, found, watch, request_id=request_id, next_cursor=cursor
        )
        if rights_hold(runtime, caller, before.scope):
            require_time_for(runtime, caller, response)
            return response
        withdraw(runtime, caller, response)
    # The view kept changing under us: answer from nothing rather than from a view that is over.
    before = snapshot(runtime, caller)
    found = Pieces.nothing(ReasonCode.NO_MATCH)
    return _respond(runtime, request, before, found, watch, request_id=request_id)


def _respond(
    runtime: Runtime,
    request: RetrieveRequest,
    before: Snapshot,
    found: Pieces,
    watch: Stopwatch,
    *,
    request_id: str,
    next_cursor: str | None = None,
) -> RetrieveResponse:
    """The response for what was found, with its receipt, when its record is durable."""
    require_time()
    caller = before.scope.caller
    response = compose(
        found,
        request_id=request_id,
        view=before.resolved.view.digest,
        next_cursor=next_cursor,
        scores=Include.SCORES in request.include,
        policy=before.policy,
    )
    acl_ids = {piece.chunk.id: piece.chunk.acl_id for piece in found.pieces}
    response = account_for_answer(runtime, caller, request, response, acl_ids=acl_ids)
    watch.lap("account")
    if Include.TIMINGS in request.include:
        response = response.model_copy(update={"timings_ms": dict(watch.stages)})
    record(
        runtime,
        caller,
        request,
        response,
        generation=before.generation or "",
        duplicates=found.duplicates,
        best=found.best,
        latency_ms=watch.total(),
    )
    return response


def _what_stands(runtime: Runtime, before: Snapshot, answer: Pieces) -> Pieces:
    """The answer without pieces that were deleted or changed since it was found."""
    scope, generation = before.scope, before.generation
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
    runtime: Runtime,
    request: RetrieveRequest,
    before: Snapshot,
    watch: Stopwatch,
    *,
    offset: int,
) -> Pieces:
    """Everything between the snapshot and the response, from the piece ``offset`` on."""
    scope, generation, view = before.scope, before.generation, before.resolved.view
    closed = _closed(scope, request)
    # The order is part of the promise: with nothing visible, neither embedder nor index is asked.
    if generation is None or scope.empty or view.occurrences == 0:
        return Pieces((), closed) if closed else Pieces.nothing(ReasonCode.NO_MATCH)
    made = runtime.made(generation)
    vector, reasons = _embed(runtime, before, made, request.query)
    watch.lap("embed")
    depth = offset + request.limit
    result, age = _search(runtime, request, before, generation, vector, depth=depth)
    watch.lap("search")
    if age is not None:
        reasons.append(ReasonCode.SERVED_FROM_CACHE)
    if not result.exact and vector is not None:
        reasons.append(ReasonCode.APPROXIMATE)
    ranked = fuse(result)[: max(depth + _SPARE, WINDOW)]
    chunks, sources = _fetch(runtime, request, before, ranked, fingerprint=made.fingerprint)
    watch.lap("fetch")
    fetched = [chunks[candidate.id] for candidate in ranked if candidate.id in chunks]
    kept = [chunk for chunk in fetched if recheck(scope, chunk)]
    metrics.current().recheck_drops(len(fetched) - len(kept))
    vectors = {chunk.id: chunk.vector for chunk in kept}
    order = refine([candidate for candidate in ranked if candidate.id in vectors], vectors, vector)
    threshold = runtime.settings.min_relevance
    ordered = [chunks[candidate.id] for candidate in order]
    judged = judge(request.query, vector, ordered, embedder=made.embedder)
    chosen = choose(
        admit(judged, threshold if request.min_relevance is None else request.min_relevance),
        {candidate.id: candidate for candidate in ranked},
        sources,
        limit=request.limit,
        now=runtime.clock(),
        max_age=request.max_age_seconds,
        policy=before.policy,
        offset=offset,
    )
    if not chosen.pieces and not chosen.causes and not closed:
        reasons.append(ReasonCode.LOW_RELEVANCE if kept else ReasonCode.NO_MATCH)
    watch.lap("judge")
    return Pieces(
        pieces=chosen.pieces,
        causes=(*(Cause(reason) for reason in reasons), *closed, *chosen.causes),
        mode="lexical" if vector is None else "hybrid",
        exact=result.exact,
        duplicates=chosen.duplicates,
        best=max((entry.relevance for entry in judged), default=None),
        more=chosen.more,
        age=age,
    )


def _closed(scope: AccessScope, request: RetrieveRequest) -> tuple[Cause, ...]:
    """A reason for each source that was asked and is closed to a caller it would admit."""
    sources = request.asked_sources
    asked = scope.closed if sources is None else scope.closed & frozenset(sources)
    return tuple(Cause(ReasonCode.ACL_STALE, (), source) for source in sorted(asked))


def _embed(
    runtime: Runtime, before: Snapshot, made: GenerationRow, query: str
) -> tuple[NDArray[np.float32] | None, list[ReasonCode]]:
    """The query's vector, or None and the reason why words alone must do."""
    if before.flags.lexical_only:
        return None, [ReasonCode.LEXICAL_ONLY]

    def embed() -> NDArray[np.float32]:
        work = runtime.guards.embedder.call
        return work(lambda: runtime.embedder_for(made.id).embed_query(query))

    key = key_of(before.scope.caller, made.fingerprint, query)
    try:
        return runtime.embeddings.get(key, embed), []
    except EmbeddingError as error:
        if error.code == MISMATCH:  # not away but the wrong one, and it would stay so unnoticed
            raise
        metrics.current().fallback(name=ReasonCode.LEXICAL_ONLY)
        return None, [ReasonCode.LEXICAL_ONLY]


def _search(
    runtime: Runtime,
    request: RetrieveRequest,
    before: Snapshot,
    generation: str,
    vector: NDArray[np.float32] | None,
    *,
    depth: int,
) -> tuple[SearchResult, float | None]:
    """Candidates of both legs, under the scope; how old in seconds, if the index is away."""
    require_layout(runtime.database, generation, request.own)
    asked = SearchRequest(
        dense=vector,
        sparse=encode_query(request.query),
        limit=max(runtime.settings.candidates, 2 * depth),
        own=request.own,
        exclude=before.excluded,
        exact=before.searched_exactly(runtime.settings.exact_limit),
    )
    # The view's digest says nothing of what is being written. Who asks under a filter, or under
    # sources of their own, is searched for each time: nothing then hangs on what it says of those.
    settled = not asked.own and not asked.exclude and before.scope.sources is None
    view = before.resolved.view.digest
    leg, reach = "words" if vector is None else "both", f"{asked.limit} {asked.exact}"
    key = key_of(before.scope.caller, view, generation, leg, reach, request.query)
    found = runtime.findings.fresh(key) if settled else None
    if found is not None:
        return found, None
    try:
        found = runtime.guards.index.call(
            lambda: runtime.index(generation).search(before.scope, asked)
        )
    except IndexUnavailableError:
        earlier = runtime.findings.earlier(key) if settled else None
        if earlier is None:
            raise
        metrics.current().fallback(name=ReasonCode.SERVED_FROM_CACHE)
        return earlier.result, earlier.age
    if settled:
        runtime.findings.keep(key, found)
    return found, None


def _fetch(
    runtime: Runtime,
    request: RetrieveRequest,
    before: Snapshot,
    ranked: list[Ranked],
    *,
    fingerprint: str,
) -> tuple[dict[str, StoredChunk], dict[str, SourceState]]:
    """Candidates and their sources from the catalogue, under the scope again."""
    scope = before.scope
    with runtime.database.read(scope.tenant) as session:
        chunks = fetch(
            session,
            scope,
            before.generation or "",
            [candidate.id for candidate in ranked],
            fingerprint=fingerprint,
            sources=request.asked_sources,
        )
        chunks = standing_where(chunks, request.own)
        names = sorted({place.source for chunk in chunks.values() for place in chunk.places})
        return chunks, source_states(session, scope.tenant, names)


def recheck(scope: AccessScope, chunk: StoredChunk) -> bool:
    """The last look at a row before it becomes evidence; a refusal here is a bug upstream."""
    return all(scope.permits(chunk.tenant, chunk.acl_id, place.source) for place in chunk.places)
