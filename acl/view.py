"""What a scope currently covers: the view digest and how much is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import String, and_, bindparam, select

from acl.digest import view_digest
from acl.models import AclRow
from acl.orm import batches

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from acl.scope import AccessScope

_BATCH = 5_000  # below every backend's limit of bound parameters


@dataclass(frozen=True, slots=True)
class View:
    """The digest of what a scope covers, and the number of live chunks behind it."""

    digest: str
    live_chunks: int


def view_of(session: Session, scope: AccessScope, *, secret: bytes) -> View:
    """The view of ``scope`` at this session's moment. Empty ACLs leave no trace in it."""
    pairs: list[tuple[str, bytes]] = []
    live = 0
    for ids in batches(scope.sorted_ids, _BATCH):
        rows = session.execute(
            select(AclRow.id, AclRow.content_hash, AclRow.live_chunks).where(
                AclRow.tenant == scope.tenant, AclRow.id.in_(ids), AclRow.live_chunks > 0
            )
        )
        for acl_id, content_hash, chunks in rows:
            pairs.append((acl_id, content_hash))
            live += chunks
    return View(view_digest(secret, scope.tenant, pairs), live)


def predicate(
    tenant: InstrumentedAttribute[str], acl_id: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """The scope as an SQL predicate, for a statement that is built once and run often.

    It holds no scope: running the statement without :func:`bound` values is an error of the
    database driver, never an unrestricted answer.
    """
    return and_(
        tenant == bindparam("scope_tenant", type_=String),
        acl_id.in_(bindparam("scope_acls", expanding=True, type_=String)),
    )


def bound(scope: AccessScope) -> dict[str, object]:
    """The values of :func:`predicate` for one scope."""
    return {"scope_tenant": scope.tenant, "scope_acls": scope.sorted_ids}


def visible(
    scope: AccessScope,
    tenant: InstrumentedAttribute[str],
    acl_id: InstrumentedAttribute[str],
) -> ColumnElement[bool]:
    """The scope as an SQL predicate over a table's tenant and ACL columns, values included."""
    return and_(tenant == scope.tenant, acl_id.in_(scope.sorted_ids))
