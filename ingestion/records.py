"""Tables beside the documents themselves: near-duplicates, deliveries, requests, erasures.

What never lives here: text of documents, and anything a search is answered from.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from acl.orm import Base, TenantScoped


class SignatureRow(TenantScoped, Base):
    """The MinHash signature of one embedded text, by the text's hash: once per tenant.

    ``crowded`` says that so many texts looked alike that it was not compared with all of them, so
    some of its pairs may be missing.
    """

    __tablename__ = "text_signature"

    sha: Mapped[str] = mapped_column(primary_key=True)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    crowded: Mapped[bool]


class NearPairRow(TenantScoped, Base):
    """Two embedded texts of one tenant that nearly agree. A relation of pairs, never a cluster.

    Of texts, not of chunks: it holds wherever they stand, and says nothing of who may see them.
    ``differences`` (a JSON list) is what they contradict one another in; empty if in nothing.
    """

    __tablename__ = "near_pair"

    first: Mapped[str] = mapped_column(primary_key=True)
    second: Mapped[str] = mapped_column(primary_key=True)
    similarity: Mapped[float]
    differences: Mapped[str]

    __table_args__ = (
        CheckConstraint("first < second", name="ck_near_pair_order"),
        Index("ix_near_pair_second", "tenant", "second"),
    )


class DeliveryRow(TenantScoped, Base):
    """The latest word of a source on one of its documents, kept when the document is gone.

    By document id, which is keyed, so that the name of what was erased is not kept. A delivery of
    a lower ``sequence`` than this is late, and changes nothing.
    """

    __tablename__ = "delivery"

    document_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool]
    at: Mapped[datetime]


class RequestRow(TenantScoped, Base):
    """A request that carried an ``Idempotency-Key``, and its reply. ``digest`` is of its body."""

    __tablename__ = "request"

    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    status: Mapped[int]
    reply: Mapped[str]
    at: Mapped[datetime]


class ErasureRow(TenantScoped, Base):
    """A certificate of erasure. What was erased stands in it as keyed digests alone."""

    __tablename__ = "erasure"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    certificate: Mapped[str]


class BegunErasureRow(TenantScoped, Base):
    """An erasure that has begun and has no certificate yet; signing that removes it.

    ``by`` is what it was asked for by, ``subject`` a keyed digest of what was asked for, ``scope``
    (a JSON object) what it set out to remove, by ids and keyed digests alone.
    """

    __tablename__ = "erasure_begun"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    subject: Mapped[str]
    scope: Mapped[str]
