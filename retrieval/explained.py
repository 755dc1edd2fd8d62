"""Explaining to an ACL administrator why somebody sees a document or an ACL, or why not.

What might be is tried and not imagined: the changes of a what-if are made in a savepoint that is
rolled back, and the same question is asked before and within it. What must never stand here: a
reply to anybody but an administrator of the tenant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from acl.admin.acls import acl_by_name
from acl.admin.changes import perform
from acl.admin.explain import Explanation, explain
from acl.admin.plan import rolled_back
from acl.errors import NotFoundError
from ingestion.models import DocumentRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from acl.admin.changes import Change
    from acl.caller import Caller
    from retrieval.runtime import Runtime


@dataclass(frozen=True, slots=True)
class About:
    """What is asked about: an ACL by name, or a document, which stands under one.

    Attributes:
        acl: the name of the ACL.
        document: the id of the document, or its source and path there, as ``handbook/travel.md``.
    """

    acl: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True)
class AskedDocument:
    """The document that was asked about."""

    id: str
    source: str
    external_id: str
    title: str

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "id": self.id,
            "source": self.source,
            "external_id": self.external_id,
            "title": self.title,
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation as things are, and as they would be.

    Attributes:
        now: as things are.
        then: as they would be with the changes; None if none were asked about.
        document: what was asked about, if it was a document.
    """

    now: Explanation
    then: Explanation | None
    document: AskedDocument | None

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            **self.now.to_dict(),
            "document": None if self.document is None else self.document.to_dict(),
            "with_changes": None if self.then is None else self.then.to_dict(),
        }


def explained(
    runtime: Runtime, caller: Caller, about: About, *, changes: Sequence[Change] = ()
) -> Explained:
    """Whether ``caller`` sees what is asked about, why, and what ``changes`` would make of it.

    Args:
        runtime: the installation.
        caller: whom it is about: not who asks.
        about: an ACL or a document of the caller's tenant.
        changes: tried and taken back.

    Raises:
        NotFoundError: there is no such tenant, ACL or document.
        AclError: a change cannot be made.
    """
    if not changes:
        with runtime.database.read(caller.tenant) as session:
            acl_id, document = _find(session, caller.tenant, about)
            return Explained(_ask(runtime, session, caller, acl_id, document), None, document)
    with runtime.database.write(caller.tenant) as session:
        acl_id, document = _find(session, caller.tenant, about)
        now = _ask(runtime, session, caller, acl_id, document)
        with rolled_back(session):
            perform(session, caller.tenant, changes, secret=runtime.secret, now=now.at)
            session.flush()
            then = _ask(runtime, session, caller, acl_id, document)
        return Explained(now, then, document)


def _ask(
    runtime: Runtime,
    session: Session,
    caller: Caller,
    acl_id: str,
    document: AskedDocument | None,
) -> Explanation:
    return explain(
        session,
        caller,
        acl_id,
        now=runtime.clock(),
        source=None if document is None else document.source,
        max_acls=runtime.settings.max_visible_acls,
    )


def _find(session: Session, tenant: str, about: About) -> tuple[str, AskedDocument | None]:
    if about.document is None:
        return acl_by_name(session, tenant, about.acl or "").id, None
    source, _, external_id = about.document.partition("/")
    row = session.scalar(
        select(DocumentRow)
        .where(
            DocumentRow.tenant == tenant,
            DocumentRow.deleted_at.is_(None),
            or_(
                DocumentRow.id == about.document,
                (DocumentRow.source == source) & (DocumentRow.external_id == external_id),
            ),
        )
        # An external id is free text; the id of a document goes before what is spelled like one.
        .order_by(DocumentRow.id != about.document)
        .limit(1)
    )
    if row is None:
        raise NotFoundError(
            f"document {about.document[:200]!r} does not exist; give its id, or SOURCE/PATH"
        )
    return row.acl_id, AskedDocument(row.id, row.source, row.external_id, row.title)
