"""Push sources: those whose documents are delivered one by one instead of being listed.

An operator makes one; pushing to a name that is none makes nothing, or every typing error would be
a source. What never lives here: documents.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acl.admin.directory import ensure_tenant
from acl.entries import check_name
from acl.errors import NotFoundError
from ingestion.errors import SourceError
from ingestion.lock import exclusive
from ingestion.models import OnStale, SourceRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.lock import Lock

PUSH_KIND: Final = "push"


@dataclass(frozen=True, slots=True)
class PushSource:
    """A push source, and the names of the ACLs that it may use besides its own."""

    tenant: str
    name: str
    acls: frozenset[str]

    def lock(self, context: IngestContext) -> Lock:
        """The lock that is held while deliveries are compared and carried out.

        One for all push sources: they would wait for the one writer anyway.
        """
        return context.lock_path.with_name("push.lock")


def keep_push_source(
    context: IngestContext,
    tenant: str,
    name: str,
    *,
    acls: Collection[str] = (),
    max_age_seconds: int | None = None,
) -> bool:
    """Make a push source, or set which ACLs it may use by name. True if it is new.

    Raises:
        acl.errors.InvalidAclError: the name, or that of an ACL, cannot be one.
        SourceError: the source exists and is not pushed to.
    """
    check_name(name, field="source")
    listed = sorted({check_name(acl, field="acls") for acl in acls})
    now = context.clock()
    ensure_tenant(context.database, tenant, now=now)
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        row = session.get(SourceRow, (tenant, name))
        new = row is None
        if row is None:
            row = SourceRow(
                tenant=tenant,
                name=name,
                kind=PUSH_KIND,
                on_stale=OnStale.FLAG.value,
                created_at=now,
            )
            session.add(row)
        elif row.kind != PUSH_KIND:
            raise SourceError(
                f"source {name!r} is of kind {row.kind!r} and reads its documents itself: give "
                "the push source another name"
            )
        row.config = json.dumps({"acls": listed})
        row.max_age_seconds = max_age_seconds or row.max_age_seconds
    return new


def push_source(session: Session, tenant: str, name: str) -> PushSource:
    """The push source called ``name``.

    Raises:
        NotFoundError: there is none, or a source of that name reads its documents itself.
    """
    row = session.get(SourceRow, (tenant, name))
    if row is None or row.kind != PUSH_KIND:
        raise NotFoundError(
            f"source {name!r} is no push source; make it with: clearance sources push {name}"
        )
    return PushSource(tenant, name, frozenset(json.loads(row.config).get("acls", ())))
