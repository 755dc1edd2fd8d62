"""What a scope currently covers: the view digest and how much is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import String, and_, bindparam, select

from acl.digest import view_digest
from acl.models import AclContentRow
from acl.one_of import OneOf
from acl.orm import prepared

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from acl.scope import AccessScope


@dataclass(frozen=True, slots=True)
class View:
    """The digest of what a scope covers, and how many places in documents that is.

    Chunks are at most as many: each stands in one place or more.
    """

    digest: str
    occurrences: int


def view_of(session: Session, scope: AccessScope, *, secret: bytes) -> View:
    """The view of ``scope`` at this session's moment. Empty ACLs leave no trace in it."""
    covered: list[tuple[str, str, bytes]] = []
    occurrences = 0
    rows = session.execute(_content(), bound(scope))
    for acl_id, source, content_hash, places in rows.all():
        if scope.permits(scope.tenant, acl_id, source):
            covered.append((acl_id, source, content_hash))
            occurrences += places
    return View(view_digest(secret, scope.tenant, covered), occurrences)


@prepared
def _content() -> Select[str, str, bytes, int]:
    return select(
        AclContentRow.acl_id,
        AclContentRow.source,
        AclContentRow.content_hash,
        AclContentRow.occurrences,
    ).where(predicate(AclContentRow.tenant, AclContentRow.acl_id))


def predicate(
    tenant: InstrumentedAttribute[str], acl_id: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """The scope as an SQL predicate, for a statement that is built once and run often.

    It holds no scope: running the statement without :func:`bound` values is an error of the
    database driver, never an unrestricted answer. Of which sources is not in it: wherever places in
    documents are read, ``AccessScope.within`` says so.
    """
    return and_(
        tenant == bindparam("scope_tenant", type_=String),
        OneOf(acl_id.expression, "scope_acls"),
    )


def bound(scope: AccessScope) -> dict[str, object]:
    """The values of :func:`predicate` for one scope."""
    return {"scope_tenant": scope.tenant, "scope_acls": scope.sorted_ids}


def visible(
    scope: AccessScope,
    tenant: InstrumentedAttribute[str],
    acl_id: InstrumentedAttribute[str],
    source: InstrumentedAttribute[str],
) -> ColumnElement[bool]:
    """The scope as an SQL predicate over a table's columns, values included."""
    seen = and_(tenant == scope.tenant, acl_id.in_(scope.sorted_ids))
    return seen if scope.sources is None else and_(seen, source.in_(sorted(scope.sources)))
