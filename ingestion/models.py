"""Tables of the catalogue: what was ingested, from where, and how current it is.

Chunk states: ``pending`` (written down, perhaps in the index, not yet served), ``live``, and
``deleting`` (no longer served, perhaps still in the index). Only ``live`` chunks of the active
generation can be served, so a crash between the catalogue and the index never shows.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, and_
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from acl.orm import Base, TenantScoped

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


class ChunkState(StrEnum):
    """Where a chunk stands between the catalogue and the index."""

    PENDING = "pending"
    LIVE = "live"
    DELETING = "deleting"


class OnStale(StrEnum):
    """What happens to evidence of a source past its SLA."""

    FLAG = "flag"
    EXCLUDE = "exclude"


class GenerationState(StrEnum):
    """Where a build of the index stands. Exactly one generation is active."""

    BUILDING = "building"
    READY = "ready"
    ACTIVE = "active"
    RETIRED = "retired"


class GenerationRow(Base):
    """One build of the index: what made its vectors and its cuts.

    ``spec`` is the line of configuration its embedder is made from; ``canary_permille`` the share
    of queries a ready generation answers; ``gate`` the JSON report of its last comparison with the
    active one; ``changed_at`` when its state last did; ``served_until`` when it last ceased to be
    active, which tells a predecessor from a candidate; ``layout`` is what its points can be
    filtered by (:data:`ingestion.index.facets.LAYOUT`).
    """

    __tablename__ = "generation"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    embedder: Mapped[str]
    fingerprint: Mapped[str]
    dimensions: Mapped[int]
    chunker: Mapped[str]
    sanitiser: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    canary_permille: Mapped[int] = mapped_column(default=0, server_default="0")
    gate: Mapped[str | None]
    spec: Mapped[str | None]
    served_until: Mapped[datetime | None]
    layout: Mapped[int] = mapped_column(default=1, server_default="1")


class GenerationContentRow(TenantScoped, Base):
    """What ``acl_content`` would hold of a generation if it were active.

    Kept beside every other generation, so that a promotion swaps rows and counts nothing.
    """

    __tablename__ = "generation_content"

    generation: Mapped[str] = mapped_column(primary_key=True)
    acl_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    occurrences: Mapped[int]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"], ondelete="CASCADE"),
        CheckConstraint("occurrences > 0", name="ck_generation_content_occurrences"),
    )


class SourceRow(TenantScoped, Base):
    """A configured origin of documents, its SLA, and how its last run went.

    ``cursor`` is how far a source that tells changes has been read; ``backlog`` how many listed
    documents the last run left undone.
    """

    __tablename__ = "source"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    config: Mapped[str] = mapped_column(default="{}")
    max_age_seconds: Mapped[int | None]
    on_stale: Mapped[str] = mapped_column(default=OnStale.FLAG.value)
    created_at: Mapped[datetime]
    last_attempt_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    cursor: Mapped[str | None]
    backlog: Mapped[int] = mapped_column(default=0, server_default="0")


class DocumentRow(TenantScoped, Base):
    """A document. ``deleted_at`` is its tombstone: set first, and final for what was deleted.

    ``revision`` is the source's own mark of its content (an ETag), where there is one.
    ``pending_since`` is set while the source is known to hold a newer version than is served;
    ``tags`` (a JSON list) and ``language`` are as of :mod:`ingestion.labels`.
    """

    __tablename__ = "document"

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    external_id: Mapped[str]
    title: Mapped[str]
    uri: Mapped[str]
    media_type: Mapped[str]
    acl_id: Mapped[str]
    version: Mapped[int]
    checked_at: Mapped[datetime]
    modified_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    revision: Mapped[str | None]
    pending_since: Mapped[datetime | None]
    tags: Mapped[str] = mapped_column(default="[]", server_default="[]")
    language: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "source"], ["source.tenant", "source.name"]),
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"]),
        Index("uq_document_external_id", "tenant", "source", "external_id", unique=True),
        Index("ix_document_acl", "tenant", "acl_id"),
    )


class VersionRow(TenantScoped, Base):
    """One version of a document: the extracted text that citations point into.

    ``extraction`` is the parser's whole output, compressed; ``parser`` and ``sanitiser`` say what
    made it, so that an upgrade of either is noticed as a change.
    """

    __tablename__ = "document_version"

    document_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    source_sha256: Mapped[str]
    text_sha256: Mapped[str]
    extraction: Mapped[bytes] = mapped_column(LargeBinary)
    parser: Mapped[str]
    sanitiser: Mapped[str]
    modified_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "document_id"], ["document.tenant", "document.id"]),
    )


class ChunkRow(TenantScoped, Base):
    """Identical embedded text under one ACL: the unit of the index. Its id is the point's id."""

    __tablename__ = "chunk"

    generation: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    acl_id: Mapped[str]
    state: Mapped[str]
    embedded_sha: Mapped[str]
    heading_path: Mapped[str]
    text: Mapped[str]
    tokens: Mapped[int]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"]),
        Index("ix_chunk_acl", "tenant", "generation", "acl_id"),
        Index("ix_chunk_text", "tenant", "generation", "embedded_sha"),
        # Small: only what is in flight. Read by every query, so that it costs nothing.
        Index(
            "ix_chunk_in_flight",
            "tenant",
            "generation",
            "acl_id",
            sqlite_where=sql("state <> 'live'"),
            postgresql_where=sql("state <> 'live'"),
        ),
        CheckConstraint("state IN ('pending', 'live', 'deleting')", name="ck_chunk_state"),
    )


class OccurrenceRow(TenantScoped, Base):
    """One place where a chunk stands: a span of a document version's extracted text."""

    __tablename__ = "occurrence"

    generation: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    chunk_id: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    page: Mapped[int | None]
    text_sha256: Mapped[str]
    offsets: Mapped[bytes] = mapped_column(LargeBinary)
    findings: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "document_id"], ["document.tenant", "document.id"]),
        Index("ix_occurrence_chunk", "tenant", "generation", "chunk_id"),
    )


class EmbeddingRow(TenantScoped, Base):
    """A vector by what was embedded and by what: equal text is embedded once per tenant."""

    __tablename__ = "embedding"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    sha: Mapped[str] = mapped_column(primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class RunRow(TenantScoped, Base):
    """One ingest run: who asked for it and how, where it stands, and its report.

    ``options``, ``progress`` and ``report`` are JSON objects. ``cancelled_at`` is when somebody
    asked it to stop; it does so after the batch in hand.
    """

    __tablename__ = "run"

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    status: Mapped[str]
    report: Mapped[str]
    requested_by: Mapped[str | None]
    options: Mapped[str] = mapped_column(default="{}", server_default="{}")
    progress: Mapped[str] = mapped_column(default="{}", server_default="{}")
    cancelled_at: Mapped[datetime | None]


def is_current() -> ColumnElement[bool]:
    """That a version is the one its document has now; for joining the two."""
    return and_(
        VersionRow.tenant == DocumentRow.tenant,
        VersionRow.document_id == DocumentRow.id,
        VersionRow.number == DocumentRow.version,
    )
