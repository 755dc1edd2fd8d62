"""What the ``acl`` commands show: ACLs, chains, members and principals, read for an operator."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from sqlalchemy import select

from acl.admin.acls import acl_by_name
from acl.entries import AclEntry, Effect
from acl.errors import InvalidAclError
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from retrieval.runtime import Runtime


@dataclass(frozen=True, slots=True)
class AclView:
    """An ACL as an operator sees it."""

    name: str
    parent: str | None
    inherit: bool
    managed_by: str | None
    live_chunks: int
    entries: tuple[AclEntry, ...]

    @property
    def allowed(self) -> list[str]:
        """Who is allowed here, expiries aside."""
        return [str(e.principal) for e in self.entries if e.effect is Effect.ALLOW]

    @property
    def denied(self) -> list[str]:
        """Who is denied here, expiries aside."""
        return [str(e.principal) for e in self.entries if e.effect is Effect.DENY]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "name": self.name,
            "parent": self.parent,
            "inherit": self.inherit,
            "managed_by": self.managed_by,
            "live_chunks": self.live_chunks,
            "entries": [
                {
                    "effect": entry.effect.value,
                    "principal": str(entry.principal),
                    "expires_at": entry.expires_at and entry.expires_at.isoformat(),
                }
                for entry in self.entries
            ],
        }


class PrincipalView(TypedDict):
    """A principal and the groups it is directly in."""

    principal: str
    enabled: bool
    groups: list[str]


def list_acls(runtime: Runtime, tenant: str) -> list[AclView]:
    """Every ACL of a tenant, by name."""
    with runtime.database.read(tenant) as session:
        rows = list(session.scalars(select(AclRow).order_by(AclRow.name)))
        names = {row.id: row.name for row in rows}
        return [_view(session, row, names.get(row.parent_id or "")) for row in rows]


def chain_of(runtime: Runtime, tenant: str, name: str) -> list[AclView]:
    """An ACL and what it inherits from, nearest first.

    Raises:
        NotFoundError: there is no such ACL.
    """
    chain: list[AclView] = []
    with runtime.database.read(tenant) as session:
        row: AclRow | None = acl_by_name(session, tenant, name)
        while row is not None:
            parent = session.get(AclRow, (tenant, row.parent_id)) if row.parent_id else None
            chain.append(_view(session, row, parent.name if parent else None))
            row = parent if row.inherit else None
    return chain


def members_of(runtime: Runtime, tenant: str, group: str) -> list[str]:
    """The direct members of a group.

    Raises:
        InvalidAclError: it is not a known group.
    """
    named = Principal.parse(group)
    with runtime.database.read(tenant) as session:
        known = session.get(PrincipalRow, (tenant, str(named)))
        if named.kind is not PrincipalKind.GROUP or known is None:
            raise InvalidAclError(
                f"{group}: no such group in this tenant; see 'clearance acl principals'"
            )
        return list(
            session.scalars(
                select(MembershipRow.member)
                .where(MembershipRow.grp == str(named))
                .order_by(MembershipRow.member)
            )
        )


def list_principals(runtime: Runtime, tenant: str) -> list[PrincipalView]:
    """Every principal of a tenant."""
    groups: dict[str, list[str]] = defaultdict(list)
    with runtime.database.read(tenant) as session:
        for edge in session.scalars(select(MembershipRow).order_by(MembershipRow.grp)):
            groups[edge.member].append(edge.grp)
        rows = session.scalars(select(PrincipalRow).order_by(PrincipalRow.principal))
        return [
            PrincipalView(
                principal=row.principal, enabled=row.enabled, groups=groups[row.principal]
            )
            for row in rows
        ]


def _view(session: Session, row: AclRow, parent: str | None) -> AclView:
    entries = session.scalars(
        select(AclEntryRow)
        .where(AclEntryRow.acl_id == row.id)
        .order_by(AclEntryRow.effect, AclEntryRow.principal)
    )
    return AclView(
        name=row.name,
        parent=parent,
        inherit=row.inherit,
        managed_by=row.managed_by,
        live_chunks=row.live_chunks,
        entries=tuple(
            AclEntry(Effect(entry.effect), Principal.parse(entry.principal), entry.expires_at)
            for entry in entries
        ),
    )
