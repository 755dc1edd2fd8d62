"""Tables of the audit: an append-only chain for each tenant and stream.

``access`` (queries, evidence, denials) may live in a database of its own, so that no reader waits
for an ingest job; ``administration`` lives in the catalogue and is written in the transaction of
the change it tells of, so that there is no change without its row.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from acl.audit.kinds import Stream
from acl.orm import Base, TenantScoped

__all__ = ["AuditCheckpointRow", "AuditHeadRow", "AuditRow", "Stream"]


class AuditRow(TenantScoped, Base):
    """One event: ``hash`` is SHA-256 over the previous hash and everything this row says.

    ``body`` is canonical JSON. ``seq`` counts from 1 without a gap within tenant and stream.
    """

    __tablename__ = "audit_log"

    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    body: Mapped[str]
    previous: Mapped[bytes] = mapped_column(LargeBinary(32))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (Index("ix_audit_log_at", "tenant", "at"),)


class AuditHeadRow(TenantScoped, Base):
    """The end of a chain, and where its kept part begins after retention."""

    __tablename__ = "audit_head"

    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    kept_from: Mapped[int] = mapped_column(BigInteger, default=1)


class AuditCheckpointRow(TenantScoped, Base):
    """A signed statement of where a chain stood."""

    __tablename__ = "audit_checkpoint"

    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    jws: Mapped[str]
