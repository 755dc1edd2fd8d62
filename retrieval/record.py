"""What is noted of an answered query: figures and keyed digests, never text."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from acl.digest import keyed
from retrieval.account import query_digest

if TYPE_CHECKING:
    from acl.caller import Caller
    from retrieval.evidence import RetrieveResponse
    from retrieval.query import RetrieveRequest
    from retrieval.runtime import Runtime


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
    tenant, secret = caller.tenant, runtime.secret
    record_id = str(uuid.uuid4())  # a request id may come from the client, so it may repeat
    who = keyed(secret, "caller", tenant, str(caller.subject), *map(str, caller.actors))
    runtime.recorder.add(
        {
            "tenant": tenant,
            "record_id": record_id,
            "request_id": response.request_id,
            "at": runtime.clock(),
            "caller_digest": who.hex()[:32],
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
        },
        [
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
        ],
    )
