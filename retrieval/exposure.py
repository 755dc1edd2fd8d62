"""Exposure: who was shown a document, when, which passages, and what became of them since.

For auditors of a tenant alone. What was shown is told by the receipts; whether it is still right by
the catalogue, as it stands now and whoever may see it: a correction concerns everyone who was shown
what it corrects.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from acl.errors import NotFoundError, SignatureError
from ingestion.models import DocumentRow
from retrieval.evidence import Model
from retrieval.exposure_grant import Grant, Grants, shown_to
from retrieval.ids import well_formed
from retrieval.receipt_store import read
from retrieval.receipt_texts import Texts
from retrieval.records import ExposureRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy.orm import Session

    from retrieval.receipt_statement import Statement
    from retrieval.runtime import Runtime

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_ABSENT = "no such document: this tenant has none of this id, and nobody was shown one"


class Correction(StrEnum):
    """What has become of a passage since it was shown."""

    NONE = "none"
    SUPERSEDED = "superseded"
    DELETED = "deleted"


class ExposedSpan(Model):
    """One passage that was shown."""

    evidence: str
    chunk_id: str
    version: int
    start: int
    end: int
    text_sha256: str | None
    acl_id: str
    correction: Correction


class Exposure(Model):
    """One receipt that says so.

    ``intact``: it verifies. ``affected``: a correction concerns it. ``admitted_now``: by the
    directory as it stands, and with a token that narrows and asserts what theirs did, they would be
    shown the document.
    """

    receipt_id: str
    issued_at: datetime
    subject: str
    actors: list[str]
    purpose: str | None
    view: str | None
    intact: bool
    affected: bool
    admitted_now: bool
    spans: list[ExposedSpan]
    grants: list[Grant]


class ExposureResponse(Model):
    """``GET /v1/exposure/{document_id}``: newest first."""

    request_id: str
    document_id: str
    exposures: list[Exposure]
    next: str | None


def exposure(
    runtime: Runtime,
    tenant: str,
    document_id: str,
    *,
    request_id: str,
    limit: int = DEFAULT_LIMIT,
    before: str | None = None,
) -> ExposureResponse:
    """Who was shown a document of the tenant.

    Args:
        runtime: the installation.
        tenant: the auditor's.
        document_id: which document; a deleted one counts.
        request_id: of this request.
        limit: receipts at most.
        before: only receipts issued before this one (``next`` of the page before).

    Raises:
        NotFoundError: the tenant has no such document, and no receipt cites one.
    """
    if not well_formed(document_id) or not (before is None or well_formed(before)):
        raise NotFoundError(_ABSENT)
    with runtime.audit_database.read(tenant) as session:
        receipts = _receipts(session, tenant, document_id, limit=limit + 1, before=before)
        page = receipts[:limit]
        spans = _spans(session, tenant, document_id, [row.receipt_id for row in page])
    with runtime.database.read(tenant) as session:
        document = session.get(DocumentRow, (tenant, document_id))
        if document is None and not page:
            raise NotFoundError(_ABSENT)
        grants = Grants(session, now=runtime.clock(), max_acls=runtime.settings.max_visible_acls)
        current = _Current(document, Texts(session, tenant), grants)
        jwks = runtime.signer.jwks()
        exposures = [current.exposure(row, _read(row, jwks), spans[row.receipt_id]) for row in page]
    more = len(receipts) > limit
    return ExposureResponse(
        request_id=request_id,
        document_id=document_id,
        exposures=exposures,
        next=page[-1].receipt_id if more else None,
    )


class _Current:
    """A document as it stands now, in one session's snapshot."""

    def __init__(self, document: DocumentRow | None, texts: Texts, grants: Grants) -> None:
        self._document = document
        self._texts = texts
        self._grants = grants

    def exposure(
        self, receipt: ReceiptRow, statement: Statement | None, spans: Sequence[ExposureRow]
    ) -> Exposure:
        told = [self._span(row) for row in spans]
        caller = shown_to(receipt, statement)
        document = self._document
        return Exposure(
            receipt_id=receipt.receipt_id,
            issued_at=receipt.at,
            subject=receipt.subject,
            actors=[str(actor) for actor in caller.actors],
            purpose=caller.narrowing.purpose,
            view=None if statement is None else statement.view,
            intact=statement is not None,
            affected=any(span.correction is not Correction.NONE for span in told),
            admitted_now=document is not None
            and document.deleted_at is None
            and self._grants.admits(caller, document),
            spans=told,
            grants=[
                self._grants.grant(caller, acl_id)
                for acl_id in sorted({span.acl_id for span in told})
            ],
        )

    def _span(self, row: ExposureRow) -> ExposedSpan:
        return ExposedSpan(
            evidence=f"e{row.rank}",
            chunk_id=row.chunk_id,
            version=row.version,
            start=row.start,
            end=row.end,
            text_sha256=row.text_sha256 or None,
            acl_id=row.acl_id,
            correction=self._correction(row),
        )

    def _correction(self, row: ExposureRow) -> Correction:
        if self._document is None or self._document.deleted_at is not None:
            return Correction.DELETED
        stands = self._texts.still_stands(row, self._document.version)
        return Correction.NONE if stands else Correction.SUPERSEDED


def _read(row: ReceiptRow, jwks: Mapping[str, Any]) -> Statement | None:
    try:
        return read(row.jws, jwks)
    except SignatureError:
        return None


def _receipts(
    session: Session, tenant: str, document_id: str, *, limit: int, before: str | None
) -> Sequence[ReceiptRow]:
    """Receipts that cite the document, newest first."""
    citing = select(ExposureRow.receipt_id).where(
        ExposureRow.tenant == tenant, ExposureRow.document_id == document_id
    )
    statement = select(ReceiptRow).where(
        ReceiptRow.tenant == tenant, ReceiptRow.receipt_id.in_(citing)
    )
    if before is not None:
        last = session.get(ReceiptRow, (tenant, before))
        if last is None:
            return []
        older = and_(ReceiptRow.at == last.at, ReceiptRow.receipt_id < last.receipt_id)
        statement = statement.where(or_(ReceiptRow.at < last.at, older))
    newest = (ReceiptRow.at.desc(), ReceiptRow.receipt_id.desc())
    return session.scalars(statement.order_by(*newest).limit(limit)).all()


def _spans(
    session: Session, tenant: str, document_id: str, receipts: Sequence[str]
) -> Mapping[str, Sequence[ExposureRow]]:
    """What each receipt says was shown of the document, in the order of the answer."""
    found: dict[str, list[ExposureRow]] = {}
    rows = session.scalars(
        select(ExposureRow)
        .where(
            ExposureRow.tenant == tenant,
            ExposureRow.document_id == document_id,
            ExposureRow.receipt_id.in_(receipts),
        )
        .order_by(ExposureRow.rank)
    )
    for row in rows:
        found.setdefault(row.receipt_id, []).append(row)
    return found
