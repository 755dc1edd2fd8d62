"""Tables of the access-control package.

``acl.live_chunks`` and ``acl_content`` describe what an ACL currently guards; the ingestion package
maintains them in the transaction that changes the content (see :mod:`acl.digest`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from acl.digest import EMPTY
from acl.orm import Base, TenantScoped


class Installation(Base):
    """One row: the secret that keys ids and digests of this catalogue."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]


class Tenant(Base):
    """An isolation boundary. The two versions say 'something changed', to caches alone."""

    __tablename__ = "tenant"

    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    acl_version: Mapped[int] = mapped_column(default=1)
    content_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]


class PrincipalRow(TenantScoped, Base):
    """A known principal. One not here, or disabled, sees nothing: not even under everyone.

    ``managed_by`` names the directory that synchronises it, if one does; the same of memberships.
    """

    __tablename__ = "principal"

    principal: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    managed_by: Mapped[str | None]
    created_at: Mapped[datetime]


class MembershipRow(TenantScoped, Base):
    """``member`` (user, service or group) belongs to ``grp`` (a group). Cycles are harmless."""

    __tablename__ = "membership"

    member: Mapped[str] = mapped_column(primary_key=True)
    grp: Mapped[str] = mapped_column(primary_key=True)
    managed_by: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "member"], ["principal.tenant", "principal.principal"]),
        ForeignKeyConstraint(["tenant", "grp"], ["principal.tenant", "principal.principal"]),
        Index("ix_membership_grp", "tenant", "grp", "member"),
    )


class AclRow(TenantScoped, Base):
    """A named, mutable ACL. ``managed_by`` names the source that defines it, if one does."""

    __tablename__ = "acl"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[str | None]
    inherit: Mapped[bool] = mapped_column(default=True)
    managed_by: Mapped[str | None]
    live_chunks: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "parent_id"], ["acl.tenant", "acl.id"]),
        Index("uq_acl_name", "tenant", "name", unique=True),
        # With all that a closure reads in it, so that it reads nothing else.
        Index("ix_acl_parent", "tenant", "parent_id", "inherit", "id"),
        CheckConstraint("live_chunks >= 0", name="ck_acl_live_chunks"),
    )


class AclEntryRow(TenantScoped, Base):
    """One allow or deny of one principal, until ``expires_at`` (exclusive) or for good."""

    __tablename__ = "acl_entry"

    acl_id: Mapped[str] = mapped_column(primary_key=True)
    effect: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"], ondelete="CASCADE"),
        Index("ix_acl_entry_principal", "tenant", "principal", "effect", "acl_id", "expires_at"),
        CheckConstraint("effect IN ('allow', 'deny')", name="ck_acl_entry_effect"),
    )


class AclPurposeRow(TenantScoped, Base):
    """A purpose an ACL allows. An ACL with any refuses tokens issued for another purpose."""

    __tablename__ = "acl_purpose"

    acl_id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"], ondelete="CASCADE"),
    )


class AclContentRow(TenantScoped, Base):
    """What an ACL guards of one source: how many occurrences, and their multiset hash.

    By source, because a token may be narrowed to some; without a row where there is nothing.
    """

    __tablename__ = "acl_content"

    acl_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    occurrences: Mapped[int]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(32), default=EMPTY)

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "acl_id"], ["acl.tenant", "acl.id"], ondelete="CASCADE"),
        CheckConstraint("occurrences > 0", name="ck_acl_content_occurrences"),
        # Each cold resolution looks hundreds up: in one tree, instead of an index and a table.
        {"sqlite_with_rowid": False},
    )


class AclSyncRow(TenantScoped, Base):
    """How current the ACLs are that ``name`` (an ACL's ``managed_by``) keeps.

    From ``closes_at`` on they admit nobody, until whoever keeps them has confirmed them again.
    """

    __tablename__ = "acl_sync"

    name: Mapped[str] = mapped_column(primary_key=True)
    max_age_seconds: Mapped[int]
    checked_at: Mapped[datetime | None]
    closes_at: Mapped[datetime]


class ApiKeyRow(TenantScoped, Base):
    """An API key: its public prefix, the hash of its secret, and whom it speaks for."""

    __tablename__ = "api_key"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    subject: Mapped[str]
    actor: Mapped[str | None]
    api_scopes: Mapped[str]
    narrowing: Mapped[str] = mapped_column(default="{}", server_default="{}")
    label: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    replaces: Mapped[str | None]

    __table_args__ = (Index("uq_api_key_key_id", "key_id", unique=True),)
