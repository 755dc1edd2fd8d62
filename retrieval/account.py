"""Accounting for an answer before it leaves: its receipt, if any, and its event in the audit.

Both are durable when these functions return; if they cannot be made so, an error says that nothing
may be served. What stands in them are identities, ids and keyed digests, never text.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from acl.audit.events import Event, EventKind, identity
from acl.digest import keyed
from retrieval import metrics
from retrieval.receipts import Shown, issue
from retrieval.resilience.deadline import require_time, time_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acl.caller import Caller
    from retrieval.evidence import Evidence, EvidenceResponse, RetrieveResponse
    from retrieval.query import RetrieveRequest
    from retrieval.runtime import Runtime
    from retrieval.verify import VerifyResponse
    from retrieval.verify_evidence import Cited


def query_digest(secret: bytes, tenant: str, query: str) -> str:
    """What stands for a question wherever it is noted: equal for equal questions of a tenant."""
    return keyed(secret, "query", tenant, query).hex()[:32]


def filters_digest(secret: bytes, tenant: str, request: RetrieveRequest) -> str | None:
    """What stands for the filter of a question, as its digest does for the question; None for none.

    Equal for equal filters, however they are written: values in any order, or more than once.
    """
    if not request.own:
        return None
    said = sorted(json.dumps(asdict(condition), sort_keys=True) for condition in request.own)
    return keyed(secret, "filters", tenant, *said).hex()[:32]


def account_for_answer(
    runtime: Runtime,
    caller: Caller,
    request: RetrieveRequest,
    response: RetrieveResponse,
    *,
    acl_ids: Mapping[str, str],
) -> RetrieveResponse:
    """The answer to a question, with its receipt.

    Args:
        runtime: the installation.
        caller: who is answered.
        request: what was asked.
        response: the answer.
        acl_ids: under which ACL each piece stands, by chunk id.

    Raises:
        acl.errors.AclError: it could not be signed or recorded; then it must not be served.
    """
    digest = query_digest(runtime.secret, caller.tenant, request.query)
    shown = Shown(
        view=response.view,
        evidence=response.evidence,
        acl_ids=acl_ids,
        query_digest=digest,
        status=response.status,
        action=response.action,
    )
    body = {
        "query": digest,
        "filters": filters_digest(runtime.secret, caller.tenant, request),
        "status": response.status.value,
        "action": response.action.value,
        "reasons": [reason.code.value for reason in response.reasons],
    }
    issued = _record(
        runtime, caller, shown, EventKind.QUERY, request_id=response.request_id, said=body
    )
    return response.model_copy(update=issued)


def account_for_evidence(
    runtime: Runtime,
    caller: Caller,
    response: EvidenceResponse,
    *,
    view: str,
    acl_ids: Mapping[str, str],
) -> EvidenceResponse:
    """One piece with its neighbours, with its receipt. Arguments and errors as of an answer."""
    shown = Shown(
        view=view,
        evidence=[response.evidence],
        acl_ids=acl_ids,
        neighbours=[*response.before, *response.after],
    )
    issued = _record(
        runtime, caller, shown, EventKind.EVIDENCE, request_id=response.request_id, said={}
    )
    return response.model_copy(update=issued)


def account_for_check(
    runtime: Runtime, caller: Caller, response: VerifyResponse, *, view: str, cited: Iterable[Cited]
) -> None:
    """Put on record who checked claims against what, and what came of it.

    A check shows nothing that an answer has not shown, so it has an event and no receipt.

    Args:
        runtime: the installation.
        caller: who is answered.
        response: what was found.
        view: digest of what the caller sees.
        cited: the pieces that claims were held to; one may come more than once.

    Raises:
        acl.errors.AuditError: it could not be recorded; then it must not be served.
    """
    seen = {one.chunk_id: one.place for one in cited}
    verdicts = Counter(claim.verdict.value for claim in response.claims)
    results = Counter(one.result.value for claim in response.claims for one in claim.citations)
    body = {
        **identity(caller),
        "purpose": caller.narrowing.purpose,
        "request": response.request_id,
        "view": view,
        "model": response.model,
        "evidence": [
            {"chunk": ident, "document": place.document_id, "version": place.version}
            for ident, place in sorted(seen.items())
        ],
        "verdicts": dict(sorted(verdicts.items())),
        "citations": dict(sorted(results.items())),
    }
    runtime.ledger.record(caller.tenant, Event(EventKind.VERIFY, body))


def require_time_for(
    runtime: Runtime,
    caller: Caller,
    response: RetrieveResponse | EvidenceResponse | VerifyResponse,
) -> None:
    """Let a recorded answer leave only if somebody still waits for it; else withdraw it.

    Raises:
        DeadlineExceededError: nobody does.
    """
    if not time_left():
        withdraw(runtime, caller, response)
        require_time()


def withdraw(
    runtime: Runtime,
    caller: Caller,
    response: RetrieveResponse | EvidenceResponse | VerifyResponse,
) -> None:
    """Note that what has just been recorded did not leave: the rights had changed meanwhile."""
    metrics.current().withdrawn()
    body = {**identity(caller), "request": response.request_id}
    runtime.ledger.record(caller.tenant, Event(EventKind.WITHDRAWN, body))


def _record(
    runtime: Runtime,
    caller: Caller,
    shown: Shown,
    kind: EventKind,
    *,
    request_id: str,
    said: Mapping[str, object],
) -> dict[str, str]:
    """Sign, and record together with the event; when both are durable, the members that say so."""
    issued = issue(
        runtime.signer,
        caller,
        shown,
        secret=runtime.secret,
        request_id=request_id,
        now=runtime.clock(),
    )
    body = {
        **identity(caller),
        "purpose": caller.narrowing.purpose,
        "request": request_id,
        "view": shown.view,
        "receipt": issued.receipt_id,
        "evidence": _told(shown.evidence),
        **said,
    }
    runtime.ledger.record(caller.tenant, Event(kind, body), issued.rows)
    return {"receipt": issued.jws, "receipt_id": issued.receipt_id}


def _told(evidence: Sequence[Evidence]) -> list[dict[str, object]]:
    return [
        {
            "chunk": piece.chunk_id,
            "document": piece.citation.document_id,
            "version": piece.citation.version,
        }
        for piece in evidence
    ]
