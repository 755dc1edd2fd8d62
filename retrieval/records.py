"""Tables of what was retrieved and checked: figures for analysts, never content or query text.

Who asked and what was asked are kept as keyed digests, so that records can be grouped without
telling either.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from acl.orm import Base, TenantScoped


class RetrievalRow(TenantScoped, Base):
    """One answered query."""

    __tablename__ = "retrieval_record"

    record_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str]
    at: Mapped[datetime]
    caller_digest: Mapped[str]
    query_digest: Mapped[str]
    view: Mapped[str]
    status: Mapped[str]
    action: Mapped[str]
    reasons: Mapped[str]
    mode: Mapped[str]
    exactness: Mapped[str]
    evidence: Mapped[int]
    best_relevance: Mapped[float | None]
    duplicates_collapsed: Mapped[int]
    conflicts: Mapped[int]
    evidence_tokens: Mapped[int]
    latency_ms: Mapped[float]
    generation: Mapped[str]

    __table_args__ = (Index("ix_retrieval_record_at", "tenant", "at"),)


class EvidenceRecordRow(TenantScoped, Base):
    """One piece of evidence of one answered query."""

    __tablename__ = "evidence_record"

    record_id: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    chunk_id: Mapped[str]
    document_id: Mapped[str]
    version: Mapped[int]
    source: Mapped[str]
    relevance: Mapped[float]
    age_seconds: Mapped[int]
    freshness: Mapped[str]
    verdict: Mapped[str]
    findings: Mapped[int]


class CheckRow(TenantScoped, Base):
    """One check of claims, while ``generation`` was active (None of those from before it was kept).

    ``recall`` is the share of its claims that are supported, ``precision`` of its citations that
    help; None where there are none.
    """

    __tablename__ = "check_record"

    record_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str]
    at: Mapped[datetime]
    caller_digest: Mapped[str]
    view: Mapped[str]
    model: Mapped[str]
    claims: Mapped[int]
    recall: Mapped[float | None]
    precision: Mapped[float | None]
    latency_ms: Mapped[float]
    generation: Mapped[str | None]

    __table_args__ = (Index("ix_check_record_at", "tenant", "at"),)


class ClaimRow(TenantScoped, Base):
    """One claim of one check: its verdict, and how many of its citations came out in which way.

    ``reasons`` and ``differs_in`` are lists of codes (JSON). ``source`` is that of the piece that
    decided, else of the first one cited that is there; None where none is.
    """

    __tablename__ = "claim_record"

    record_id: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    score: Mapped[float]
    contradiction: Mapped[float]
    reasons: Mapped[str]
    differs_in: Mapped[str]
    source: Mapped[str | None]
    quoted: Mapped[int]
    unquoted: Mapped[int]
    altered: Mapped[int]
    stitched: Mapped[int]
    misplaced: Mapped[int]
    misquoted: Mapped[int]
    unverifiable: Mapped[int]
    not_found: Mapped[int]


class ReceiptRow(TenantScoped, Base):
    """A receipt that was issued, as issued. It lives beside the audit's access stream.

    ``asserted`` holds the groups that a token asserted of the subject (JSON), which the directory
    would not know again; None if none were.
    """

    __tablename__ = "receipt"

    receipt_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    subject: Mapped[str]
    actors: Mapped[str]
    asserted: Mapped[str | None]
    jws: Mapped[str]

    __table_args__ = (Index("ix_receipt_at", "tenant", "at"),)


class ExposureRow(TenantScoped, Base):
    """One span of one document that a receipt says was shown."""

    __tablename__ = "exposure"

    document_id: Mapped[str] = mapped_column(primary_key=True)
    receipt_id: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    chunk_id: Mapped[str]
    acl_id: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    text_sha256: Mapped[str]

    __table_args__ = (Index("ix_exposure_receipt", "tenant", "receipt_id"),)


class FeedbackRow(TenantScoped, Base):
    """What a caller said of a receipt, or of a chunk: one opinion each, the latest. Beside those.

    The comment is the caller's own text, and as confidential as a document.
    """

    __tablename__ = "feedback"

    about: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[str] = mapped_column(primary_key=True)
    caller_digest: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    useful: Mapped[bool]
    comment: Mapped[str | None]

    __table_args__ = (Index("ix_feedback_at", "tenant", "at"),)
