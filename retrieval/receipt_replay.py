"""Replay: an auditor makes the evidence of a receipt again, from the version that was cited.

Nothing is taken from the answer of that time, for it is not kept: the passage is cut anew from the
stored version, sanitised anew, and both are held to the hashes in the receipt. What cannot be made
again says why, and what has changed since is listed beside it. Access is not asked: an auditor sees
the tenant.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from ingestion.catalog import served_generation
from ingestion.models import ChunkRow, DocumentRow, OccurrenceRow
from ingestion.prepare import PREPARED_BY, text_sha256
from retrieval.evidence import Model
from retrieval.receipt_texts import Texts
from retrieval.records import ExposureRow
from verifier.findings import Finding
from verifier.policy import TrustPolicy, TrustVerdict, apply
from verifier.sanitise import sanitise
from verifier.screening import screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from ingestion.documents import ParsedDocument
    from retrieval.receipt_statement import Cited, Statement
    from retrieval.runtime import Runtime


class Outcome(StrEnum):
    """Whether a piece of evidence could be made again."""

    REPRODUCED = "reproduced"
    CHANGED = "changed"
    GONE = "gone"


class Change(StrEnum):
    """Why a piece could not be made again, or what has become of its document since."""

    DOCUMENT_ERASED = "document_erased"
    DOCUMENT_DELETED = "document_deleted"
    VERSION_ERASED = "version_erased"
    NEWER_VERSION = "newer_version"
    OTHER_ACL = "other_acl"
    SOURCE_DIFFERS = "source_differs"
    TEXT_DIFFERS = "text_differs"
    SERVED_DIFFERS = "served_differs"
    SANITISER_CHANGED = "sanitiser_changed"


TAMPERED: Final = frozenset({Change.SOURCE_DIFFERS, Change.TEXT_DIFFERS})
"""What no ordinary change explains: versions are never changed in place.

That the same passage would be served otherwise has an honest cause beside a newer sanitiser: what
was served may have been indexed by an older one than the receipt names.
"""


class ReplayedCitation(Model):
    """One cited piece, made again."""

    evidence: str
    chunk_id: str
    document_id: str
    version: int
    outcome: Outcome
    changes: list[Change]
    text: str | None
    untrusted: bool = True


class Replay(Model):
    """A receipt, made again: ``reproduced`` only if every piece was."""

    receipt_id: str
    outcome: Outcome
    citations: list[ReplayedCitation]

    def without_text(self) -> Replay:
        """The same, for whoever is not to read the evidence."""
        bare = [one.model_copy(update={"text": None}) for one in self.citations]
        return self.model_copy(update={"citations": bare})


def replay(runtime: Runtime, statement: Statement) -> Replay:
    """Make the evidence of a receipt again, or say what stands in the way."""
    tenant, receipt_id = statement.tenant, statement.jti
    with runtime.audit_database.read(tenant) as session:
        shown = session.execute(
            select(ExposureRow.rank, ExposureRow.acl_id).where(
                ExposureRow.tenant == tenant, ExposureRow.receipt_id == receipt_id
            )
        )
        acls = {rank: acl_id for rank, acl_id in shown}  # noqa: C416 - rows are not tuples of two
    with runtime.database.read(tenant) as session:
        stored = _Stored(session, tenant, statement.versions.sanitiser)
        made = [
            stored.replay(cited, f"e{rank}", acls.get(rank))
            for rank, cited in enumerate(statement.citations, start=1)
        ]
    order = list(Outcome)
    worst = max((one.outcome for one in made), key=order.index, default=Outcome.REPRODUCED)
    return Replay(receipt_id=receipt_id, outcome=worst, citations=made)


class _Stored:
    """What the catalogue still holds of what was cited, in one session's snapshot."""

    def __init__(self, session: Session, tenant: str, sanitiser: str) -> None:
        self._session = session
        self._tenant = tenant
        self._sanitiser = sanitiser
        self._texts = Texts(session, tenant)

    def replay(self, cited: Cited, ident: str, acl_id: str | None) -> ReplayedCitation:
        changes = list(self._since(cited, acl_id))
        outcome, text = Outcome.GONE, None
        extraction = self._texts.extraction(cited.document_id, cited.version)
        if extraction is None:
            if Change.DOCUMENT_ERASED not in changes:
                changes.append(Change.VERSION_ERASED)
        else:
            text, reasons = self._made_again(cited, extraction)
            outcome = Outcome.CHANGED if reasons else Outcome.REPRODUCED
            changes.extend(reasons)
        return ReplayedCitation(
            evidence=ident,
            chunk_id=cited.chunk_id,
            document_id=cited.document_id,
            version=cited.version,
            outcome=outcome,
            changes=changes,
            text=text,
        )

    def _since(self, cited: Cited, acl_id: str | None) -> Iterator[Change]:
        """What has become of the document."""
        document = self._session.get(DocumentRow, (self._tenant, cited.document_id))
        if document is None:
            yield Change.DOCUMENT_ERASED
            return
        if document.deleted_at is not None:
            yield Change.DOCUMENT_DELETED
        if document.version != cited.version:
            yield Change.NEWER_VERSION
        if acl_id is not None and document.acl_id != acl_id:
            yield Change.OTHER_ACL

    def _made_again(
        self, cited: Cited, extraction: ParsedDocument
    ) -> tuple[str | None, list[Change]]:
        """The text as it would be served, and why it is not what was served."""
        reasons = []
        version = self._texts.version(cited.document_id, cited.version)
        if version is None or version.source_sha256 != cited.source_sha256:
            reasons.append(Change.SOURCE_DIFFERS)
        passage = text_sha256(extraction.text[cited.start : cited.end])
        if cited.text_sha256 is not None and passage != cited.text_sha256:
            reasons.append(Change.TEXT_DIFFERS)
        wanted = cited.served_sha256 or cited.text_sha256
        tried = [*self._as_indexed(cited), _as_sanitised(cited, extraction)]
        text = next((one for one in tried if text_sha256(one) == wanted), None)
        if text is None and self._sanitiser == PREPARED_BY:
            reasons.append(Change.SERVED_DIFFERS)
        elif text is None:
            reasons.append(Change.SANITISER_CHANGED)
        return text, reasons

    def _as_indexed(self, cited: Cited) -> Iterator[str]:
        """The chunk that stands at the cited place now, as it would be served."""
        rows = self._session.execute(
            select(ChunkRow.text, OccurrenceRow.findings)
            .join(
                OccurrenceRow,
                (OccurrenceRow.tenant == ChunkRow.tenant)
                & (OccurrenceRow.generation == ChunkRow.generation)
                & (OccurrenceRow.chunk_id == ChunkRow.id),
            )
            .where(
                ChunkRow.generation == served_generation(self._session),
                OccurrenceRow.document_id == cited.document_id,
                OccurrenceRow.version == cited.version,
                OccurrenceRow.start == cited.start,
                OccurrenceRow.end == cited.end,
            )
        )
        for text, findings in rows:
            yield _served(cited, text, [Finding.from_dict(one) for one in json.loads(findings)])


def _as_sanitised(cited: Cited, extraction: ParsedDocument) -> str:
    """The cited passage, sanitised as part of its whole document and then cut out."""
    clean = sanitise(extraction.text, markup=extraction.markup, prior=extraction.findings)
    piece = clean.slice(*clean.offsets.to_sanitised(cited.start, cited.end))
    return _served(cited, piece.text, [*piece.findings, *screen(piece.text)])


def _served(cited: Cited, text: str, findings: Sequence[Finding]) -> str:
    """The text under the policy of that time, which its verdict tells."""
    redacted = cited.verdict == TrustVerdict.REDACTED
    return apply(text, findings, TrustPolicy.REDACT if redacted else TrustPolicy.FLAG).text
