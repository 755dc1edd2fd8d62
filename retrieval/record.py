"""What is noted of an answer, or of a check of claims: figures and keyed digests, never text."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from acl.digest import keyed
from retrieval import metrics
from retrieval.account import query_digest
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, RetrievalRow
from retrieval.verify_quotes import CitationResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acl.caller import Caller
    from retrieval.evidence import RetrieveResponse
    from retrieval.query import RetrieveRequest
    from retrieval.runtime import Runtime
    from retrieval.verify import VerifyResponse
    from retrieval.verify_evidence import Cited
    from retrieval.verify_request import Assertion, Reference


def record(
    runtime: Runtime,
    caller: Caller,
    request: RetrieveRequest,
    response: RetrieveResponse,
    *,
    generation: str,
    duplicates: int,
    best: float | None,
    latency_ms: float,
) -> None:
    """Queue the record of one retrieval. Never waits, never fails the query."""
    metrics.current().duplicates(duplicates)
    tenant, secret = caller.tenant, runtime.secret
    record_id = str(uuid.uuid4())  # a request id may come from the client, so it may repeat
    who = _caller_digest(runtime, caller)
    retrieval = {
        "tenant": tenant,
        "record_id": record_id,
        "request_id": response.request_id,
        "at": runtime.clock(),
        "caller_digest": who,
        "query_digest": query_digest(secret, tenant, request.query),
        "view": response.view,
        "status": response.status.value,
        "action": response.action.value,
        "reasons": json.dumps([reason.code.value for reason in response.reasons]),
        "mode": response.search.mode,
        "exactness": response.search.exactness,
        "evidence": len(response.evidence),
        "best_relevance": best,
        "duplicates_collapsed": duplicates,
        "conflicts": sum(len(e.conflicts_with) for e in response.evidence) // 2,
        "evidence_tokens": response.usage.evidence_tokens,
        "latency_ms": latency_ms,
        "generation": generation,
    }
    evidence = [
        {
            "tenant": tenant,
            "record_id": record_id,
            "rank": rank,
            "chunk_id": piece.chunk_id,
            "document_id": piece.citation.document_id,
            "version": piece.citation.version,
            "source": piece.citation.source,
            "relevance": piece.relevance,
            "age_seconds": piece.freshness.age_seconds,
            "freshness": piece.freshness.state,
            "verdict": piece.trust.verdict,
            "findings": len(piece.trust.findings),
        }
        for rank, piece in enumerate(response.evidence, start=1)
    ]
    runtime.recorder.add(tenant, ((RetrievalRow, [retrieval]), (EvidenceRecordRow, evidence)))


def record_check(
    runtime: Runtime,
    caller: Caller,
    response: VerifyResponse,
    *,
    sources: Sequence[str | None],
    generation: str | None,
    view: str,
    latency_ms: float,
) -> None:
    """Queue the record of one check of claims. Never waits, never fails the check.

    Args:
        runtime: the installation.
        caller: who asked.
        response: what they got.
        sources: what each claim rests on, as of :func:`rests_on`.
        generation: the active one; None while nothing was ever ingested.
        view: digest of what they could see.
        latency_ms: milliseconds inside the service.
    """
    tenant = caller.tenant
    record_id = str(uuid.uuid4())
    check = {
        "tenant": tenant,
        "record_id": record_id,
        "request_id": response.request_id,
        "at": runtime.clock(),
        "caller_digest": _caller_digest(runtime, caller),
        "view": view,
        "model": response.model,
        "claims": len(response.claims),
        "recall": response.citation_recall,
        "precision": response.citation_precision,
        "latency_ms": latency_ms,
        "generation": generation,
    }
    claims = [
        {
            "tenant": tenant,
            "record_id": record_id,
            "place": place,
            "verdict": claim.verdict.value,
            "score": claim.score,
            "contradiction": claim.contradiction,
            "reasons": json.dumps([reason.value for reason in claim.reasons]),
            "differs_in": json.dumps([kind.value for kind in claim.differs_in]),
            **dict.fromkeys((result.value for result in CitationResult), 0),
            **Counter(cited.result.value for cited in claim.citations),
            "source": source,
        }
        for place, (claim, source) in enumerate(zip(response.claims, sources, strict=True), start=1)
    ]
    runtime.recorder.add(tenant, ((CheckRow, [check]), (ClaimRow, claims)))


def rests_on(
    asked: Sequence[Assertion], response: VerifyResponse, cited: Mapping[Reference, Cited]
) -> list[str | None]:
    """The source that each claim rests on: of the piece that decided, else of the first there is.

    Args:
        asked: the claims, in the order of the response.
        response: what was found of them.
        cited: what each reference leads to; nothing, where the caller may not see it.
    """
    found: list[str | None] = []
    for claim, checked in zip(asked, response.claims, strict=True):
        places = range(len(claim.citations))
        order = places if checked.best is None else (checked.best.citation, *places)
        there = (cited[claim.citations[at]] for at in order if claim.citations[at] in cited)
        found.append(next((one.place.source for one in there), None))
    return found


def _caller_digest(runtime: Runtime, caller: Caller) -> str:
    """What stands for a caller: equal for equal chains of principals of a tenant."""
    chain = str(caller.subject), *map(str, caller.actors)
    return keyed(runtime.secret, "caller", caller.tenant, *chain).hex()[:32]
