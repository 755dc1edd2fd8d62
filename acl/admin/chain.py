"""The chain of an ACL: itself and its ancestors up to the first that does not inherit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.entries import AclEntry, Effect
from acl.errors import NotFoundError
from acl.models import AclEntryRow, AclPurposeRow, AclRow
from acl.orm import batches
from acl.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Link:
    """One ACL of a chain.

    Attributes:
        id: opaque.
        name: for people.
        managed_by: the source that keeps it, if one does.
        purposes: those it admits; none admits every purpose.
    """

    id: str
    name: str
    managed_by: str | None
    purposes: frozenset[str]


def chain_of(session: Session, tenant: str, acl_id: str) -> list[Link]:
    """The chain of an ACL, nearest first.

    Raises:
        NotFoundError: there is no such ACL.
    """
    links: list[Link] = []
    row = session.get(AclRow, (tenant, acl_id))
    if row is None:
        raise NotFoundError("there is no such ACL in this tenant")
    while row is not None:
        purposes = select(AclPurposeRow.purpose).where(
            AclPurposeRow.tenant == tenant, AclPurposeRow.acl_id == row.id
        )
        links.append(Link(row.id, row.name, row.managed_by, frozenset(session.scalars(purposes))))
        above = row.parent_id if row.inherit else None
        row = None if above is None else session.get(AclRow, (tenant, above))
    return links


def entries_naming(
    session: Session, tenant: str, acl_ids: Sequence[str], principals: Iterable[str]
) -> Iterator[tuple[str, AclEntry]]:
    """The entries of these ACLs that name one of the principals, expired ones too."""
    for some in batches(sorted(principals)):
        rows = session.scalars(
            select(AclEntryRow).where(
                AclEntryRow.tenant == tenant,
                AclEntryRow.acl_id.in_(acl_ids),
                AclEntryRow.principal.in_(some),
            )
        )
        for row in rows:
            named = Principal.parse(row.principal)
            yield row.acl_id, AclEntry(Effect(row.effect), named, row.expires_at)
