"""One piece by its id, and the sources a caller sees something in.

Absent and forbidden are one reply: the catalogue is read under the scope, so a chunk the caller
may not see is simply not found, by the same statement and with the same words.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acl.errors import NotFoundError
from ingestion.catalog import (
    beside,
    locate,
    pending_documents,
    source_states,
    visible_documents,
)
from ingestion.freshness import source_age, source_state
from retrieval.account import account_for_evidence, require_time_for, withdraw
from retrieval.assemble import best_place, date, trust, trust_shape
from retrieval.compose import Piece, evidence_of
from retrieval.evidence import (
    EvidenceResponse,
    Neighbour,
    SourcesResponse,
    SourceStatus,
    Usage,
)
from retrieval.ids import well_formed
from retrieval.pipeline import recheck
from retrieval.ranking import Ranked
from retrieval.standing import rights_hold, snapshot
from verifier.policy import TrustVerdict

if TYPE_CHECKING:
    from acl.caller import Caller
    from ingestion.catalog import StoredChunk
    from retrieval.runtime import Runtime
    from retrieval.standing import Snapshot

NEIGHBOURS = 2
_ABSENT = "no such evidence: it does not exist, or you may not see it"


def get_evidence(
    runtime: Runtime, caller: Caller, chunk_id: str, *, request_id: str
) -> EvidenceResponse:
    """One chunk with its neighbours in the same document version.

    As with an answer, it is recorded before it leaves, and the rights are looked at last of all.

    Raises:
        NotFoundError: there is none, or the caller may not see it; which, is not told.
        AuditError: it could not be recorded, so it is not served.
        CatalogError, DeadlineExceededError: the catalogue is away, or time ran out.
    """
    work = partial(_get_evidence, runtime, caller, chunk_id, request_id=request_id)
    return runtime.guards.catalogue.call(work)


def _get_evidence(
    runtime: Runtime, caller: Caller, chunk_id: str, *, request_id: str
) -> EvidenceResponse:
    """The same, without the guard around it."""
    before = snapshot(runtime, caller)
    response, shown = _read(runtime, before, chunk_id, request_id=request_id)
    response = account_for_evidence(
        runtime,
        caller,
        response,
        view=before.resolved.view.digest,
        acl_ids={chunk.id: chunk.acl_id for chunk in shown},
    )
    if not rights_hold(runtime, caller, before.scope):
        withdraw(runtime, caller, response)
        raise NotFoundError(_ABSENT)
    require_time_for(runtime, caller, response)
    return response


def _read(
    runtime: Runtime, before: Snapshot, chunk_id: str, *, request_id: str
) -> tuple[EvidenceResponse, list[StoredChunk]]:
    """The response without its receipt, and every chunk that is in it.

    Raises:
        NotFoundError: as of :func:`get_evidence`.
    """
    scope, generation = before.scope, before.generation
    if generation is None or scope.empty or not well_formed(chunk_id):
        raise NotFoundError(_ABSENT)
    with runtime.database.read(scope.tenant) as session:
        located = locate(session, scope, [chunk_id])
        generation, chunk = located.get(chunk_id, (generation, None))
        if chunk is None or not recheck(scope, chunk):
            raise NotFoundError(_ABSENT)
        names = sorted({place.source for place in chunk.places})
        sources = source_states(session, scope.tenant, names)
        now = runtime.clock()
        places = [date(place, sources, now=now, max_age=None) for place in chunk.places]
        current = [place for place in places if not place.excluded]
        if not current:  # of a source that serves nothing rather than something outdated
            raise NotFoundError(_ABSENT)
        dated = best_place(current)
        near = beside(session, scope, generation, dated.place, reach=NEIGHBOURS)
    trusted = trust(chunk, dated.place, before.policy)
    if trusted.verdict is TrustVerdict.WITHHELD:
        raise NotFoundError(_ABSENT)
    piece = Piece(chunk, dated, trusted, None, Ranked(chunk.id, 0.0, None, None))
    here = dated.place.ordinal
    before_it = _neighbours(before, [c for at, c in near if at < here])
    after_it = _neighbours(before, [c for at, c in near if at > here])
    served = {chunk.id, *(one.chunk_id for one in (*before_it, *after_it))}
    response = EvidenceResponse(
        request_id=request_id,
        evidence=evidence_of(piece, ident="e1", conflicts=[], policy=before.policy),
        before=before_it,
        after=after_it,
        usage=Usage(
            evidence_tokens=sum(c.tokens for c in (chunk, *(c for _, c in near)) if c.id in served)
        ),
    )
    return response, [chunk, *(c for _, c in near)]


def list_sources(runtime: Runtime, caller: Caller, *, request_id: str) -> SourcesResponse:
    """Freshness of every source the caller sees at least one document of.

    Raises:
        CatalogError, DeadlineExceededError: the catalogue is away, or time ran out.
    """
    work = partial(_list_sources, runtime, caller, request_id=request_id)
    return runtime.guards.catalogue.call(work)


def _list_sources(runtime: Runtime, caller: Caller, *, request_id: str) -> SourcesResponse:
    """The same, without the guard around it."""
    with runtime.database.read(caller.tenant) as session:
        now = runtime.clock()
        scope = runtime.resolver.resolve(session, caller, now=now).scope
        counts = {} if scope.empty else visible_documents(session, scope)
        behind = {} if scope.empty else pending_documents(session, scope)
        states = source_states(session, caller.tenant, sorted(counts))
    return SourcesResponse(
        request_id=request_id,
        sources=[
            SourceStatus(
                name=name,
                state=source_state(state, now).value,
                last_success_at=state.last_success_at,
                last_attempt_at=state.last_attempt_at,
                age_seconds=source_age(state, now),
                max_age_seconds=state.max_age_seconds,
                documents=counts[name],
                pending=behind.get(name, 0),
            )
            for name, state in sorted(states.items())
        ],
    )


def _neighbours(before: Snapshot, chunks: list[StoredChunk]) -> list[Neighbour]:
    """Neighbours as served: rechecked, and without those the trust policy withholds."""
    served = []
    for chunk in chunks:
        place = chunk.places[0]
        trusted = trust(chunk, place, before.policy)
        if not recheck(before.scope, chunk) or trusted.verdict is TrustVerdict.WITHHELD:
            continue
        served.append(
            Neighbour(
                chunk_id=chunk.id,
                text=trusted.text,
                start=place.start,
                end=place.end,
                trust=trust_shape(trusted),
            )
        )
    return served
