"""How a receipt stands now, for whom it was issued to.

Judged by what the caller may see now and by nothing else. A document that is gone and one that the
caller has lost are the same word, ``withdrawn``; whatever becomes of a document after that is not
told, so ``withdrawn`` stands before every other word.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.orm import batches
from acl.view import visible
from ingestion.catalog import source_states
from ingestion.freshness import FreshnessState, age_seconds, source_state
from ingestion.models import DocumentRow
from retrieval.evidence import Model
from retrieval.receipt_store import own_statement
from retrieval.receipt_texts import Texts
from retrieval.standing import rights_hold, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.catalog import SourceState
    from retrieval.receipt_statement import Cited
    from retrieval.runtime import Runtime


_ATTEMPTS: Final = 3


class ReceiptStatus(StrEnum):
    """How what a receipt cites stands; from best to worst."""

    VALID = "valid"
    STALE = "stale"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class CitationStatus(Model):
    """How one cited piece stands."""

    evidence: str
    chunk_id: str
    document_id: str
    status: ReceiptStatus


class ReceiptStatusResponse(Model):
    """``GET /v1/receipts/{receipt_id}/status``: the worst of its citations, and each."""

    request_id: str
    receipt_id: str
    status: ReceiptStatus
    citations: list[CitationStatus]


def receipt_status(
    runtime: Runtime, caller: Caller, receipt_id: str, *, request_id: str
) -> ReceiptStatusResponse:
    """The status of one of the caller's own receipts.

    As with an answer, the rights are looked at last of all. While they keep changing under us,
    everything is withdrawn.

    Raises:
        NotFoundError: there is none, or it was issued to somebody else; which, is not told.
    """
    cited = own_statement(runtime, caller, receipt_id).citations
    for _ in range(_ATTEMPTS):
        scope = snapshot(runtime, caller).scope
        statuses = _statuses(runtime, scope, cited)
        if rights_hold(runtime, caller, scope):
            break
    else:
        statuses = [ReceiptStatus.WITHDRAWN] * len(cited)
    return ReceiptStatusResponse(
        request_id=request_id,
        receipt_id=receipt_id,
        status=worst(statuses),
        citations=[
            CitationStatus(
                evidence=f"e{place}",
                chunk_id=piece.chunk_id,
                document_id=piece.document_id,
                status=status,
            )
            for place, (piece, status) in enumerate(zip(cited, statuses, strict=True), start=1)
        ],
    )


def _statuses(runtime: Runtime, scope: AccessScope, cited: Sequence[Cited]) -> list[ReceiptStatus]:
    with runtime.database.read(scope.tenant) as session:
        documents = _visible(session, scope, {piece.document_id for piece in cited})
        names = sorted({document.source for document in documents.values()})
        sources = source_states(session, scope.tenant, names)
        texts = Texts(session, scope.tenant)
        now = runtime.clock()
        return [
            _judge(piece, documents.get(piece.document_id), sources, texts, now=now)
            for piece in cited
        ]


def worst(statuses: Iterable[ReceiptStatus]) -> ReceiptStatus:
    """The status of the whole; of nothing cited, ``valid``."""
    return max(statuses, key=list(ReceiptStatus).index, default=ReceiptStatus.VALID)


def _visible(session: Session, scope: AccessScope, ids: Iterable[str]) -> dict[str, DocumentRow]:
    """Those of the documents that are there and that the scope admits, by id."""
    found: dict[str, DocumentRow] = {}
    for some in batches(sorted(ids)):
        rows = session.scalars(
            select(DocumentRow).where(
                DocumentRow.id.in_(some),
                DocumentRow.deleted_at.is_(None),
                visible(scope, DocumentRow.tenant, DocumentRow.acl_id, DocumentRow.source),
            )
        )
        for row in rows:
            if scope.permits(row.tenant, row.acl_id, row.source):
                found[row.id] = row
    return found


def _judge(
    cited: Cited,
    document: DocumentRow | None,
    sources: dict[str, SourceState],
    texts: Texts,
    *,
    now: datetime,
) -> ReceiptStatus:
    if document is None:
        return ReceiptStatus.WITHDRAWN
    if not texts.still_stands(cited, document.version):
        return ReceiptStatus.SUPERSEDED
    source = sources[document.source]
    allowed, age = source.max_age_seconds, age_seconds(document.checked_at, now)
    if source_state(source, now) is FreshnessState.STALE or (allowed is not None and age > allowed):
        return ReceiptStatus.STALE
    return ReceiptStatus.VALID
