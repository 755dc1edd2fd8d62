"""The directory's objects as plain values: read in bulk, shown, compared and told apart by a tag.

What never lives here: changing anything, or deciding who may see what.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Self

from sqlalchemy import select
from sqlalchemy.orm import aliased

from acl.canonical import canonical
from acl.entries import AclEntry, Effect
from acl.errors import InvalidAclError, NotFoundError
from acl.models import AclEntryRow, AclPurposeRow, AclRow, MembershipRow, PrincipalRow
from acl.orm import batches
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class AclState:
    """All of an ACL that somebody can set.

    Attributes:
        name: within the tenant.
        parent: the name of the ACL it stands under.
        inherit: whether what the parent's chain says holds here too.
        purposes: a token issued for another purpose is refused; none refuses no purpose.
        entries: its own.
        managed_by: the source that keeps it, if one does.
    """

    name: str
    parent: str | None = None
    inherit: bool = True
    purposes: frozenset[str] = frozenset()
    entries: frozenset[AclEntry] = frozenset()
    managed_by: str | None = None

    @classmethod
    def of_entries(
        cls,
        name: str,
        entries: Iterable[AclEntry],
        *,
        parent: str | None = None,
        inherit: bool = True,
        purposes: frozenset[str] = frozenset(),
    ) -> Self:
        """A state of these entries.

        Raises:
            InvalidAclError: one principal stands twice with one effect.
        """
        listed = list(entries)
        seen = Counter((entry.effect, entry.principal) for entry in listed)
        for (effect, principal), times in seen.items():
            if times > 1:
                raise InvalidAclError(f"{effect}: {principal} is listed twice; remove one")
        return cls(name, parent, inherit, purposes, frozenset(listed))

    def of(self, effect: Effect) -> list[AclEntry]:
        """Its entries of one effect, in the order of their principals."""
        chosen = (entry for entry in self.entries if entry.effect is effect)
        return sorted(chosen, key=lambda entry: str(entry.principal))

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, the same for equal states."""
        return {
            "name": self.name,
            "parent": self.parent,
            "inherit": self.inherit,
            "purposes": sorted(self.purposes),
            "allow": [entry_dict(entry) for entry in self.of(Effect.ALLOW)],
            "deny": [entry_dict(entry) for entry in self.of(Effect.DENY)],
            "managed_by": self.managed_by,
        }


@dataclass(frozen=True, slots=True)
class PrincipalState:
    """A known principal.

    Attributes:
        principal: who.
        enabled: switched off, a person sees nothing and a group admits nobody.
        managed_by: the directory that synchronises it, if one does.
        groups: those it is directly in, in order.
    """

    principal: Principal
    enabled: bool
    managed_by: str | None
    groups: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, the same for equal states."""
        return {
            "principal": str(self.principal),
            "enabled": self.enabled,
            "managed_by": self.managed_by,
            "groups": list(self.groups),
        }


@dataclass(frozen=True, slots=True)
class MemberState:
    """That somebody is directly in a group, and which directory says so, if one does."""

    group: str
    member: str
    managed_by: str | None

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, the same for equal states."""
        return {"group": self.group, "member": self.member, "managed_by": self.managed_by}


def entry_dict(entry: AclEntry) -> dict[str, object]:
    """An entry as JSON; its effect is told by the list it stands in."""
    expires = entry.expires_at
    return {
        "principal": str(entry.principal),
        "expires_at": None if expires is None else expires.astimezone(UTC).isoformat(),
    }


def etag(content: Mapping[str, object]) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3): the digest of the canonical content."""
    return f'"{hashlib.sha256(canonical(dict(content))).hexdigest()[:32]}"'


def acl_states(
    session: Session, tenant: str, names: Collection[str] | None = None
) -> dict[str, AclState]:
    """ACLs by name, in order: those of ``names`` that exist, or all."""
    above = aliased(AclRow)
    query = (
        select(AclRow.id, AclRow.name, above.name, AclRow.inherit, AclRow.managed_by)
        .join(
            above,
            (above.tenant == AclRow.tenant) & (above.id == AclRow.parent_id),
            isouter=True,
        )
        .where(AclRow.tenant == tenant)
        .order_by(AclRow.name)
    )
    if names is None:
        rows = session.execute(query).all()
    else:
        rows = [
            row
            for some in batches(sorted(set(names)))
            for row in session.execute(query.where(AclRow.name.in_(some)))
        ]
    ids = None if names is None else [row[0] for row in rows]
    entries, purposes = _entries(session, tenant, ids), _purposes(session, tenant, ids)
    return {
        name: AclState(
            name,
            parent,
            inherit,
            frozenset(purposes[acl_id]),
            frozenset(entries[acl_id]),
            managed_by,
        )
        for acl_id, name, parent, inherit, managed_by in rows
    }


def acl_state(session: Session, tenant: str, name: str) -> AclState:
    """One ACL.

    Raises:
        NotFoundError: there is none of this name.
    """
    found = acl_states(session, tenant, [name])
    if name not in found:
        raise NotFoundError(f"acl {name!r} does not exist; list them with: clearance acl list")
    return found[name]


def principal_state(session: Session, tenant: str, principal: Principal) -> PrincipalState:
    """One principal.

    Raises:
        NotFoundError: the tenant does not know it.
    """
    found = _principals(session, tenant, [str(principal)])
    if not found:
        raise NotFoundError(f"principal {principal} is unknown in this tenant")
    return found[0]


def principals_after(
    session: Session,
    tenant: str,
    after: str | None,
    limit: int,
    *,
    kind: PrincipalKind | None = None,
) -> list[PrincipalState]:
    """The next ``limit`` principals in the order of their names, after the one named."""
    query = select(PrincipalRow.principal).where(PrincipalRow.tenant == tenant)
    if after is not None:
        query = query.where(PrincipalRow.principal > after)
    if kind is not None:
        query = query.where(PrincipalRow.principal.startswith(f"{kind}:", autoescape=True))
    names = session.scalars(query.order_by(PrincipalRow.principal).limit(limit)).all()
    return _principals(session, tenant, names)


def acls_after(session: Session, tenant: str, after: str | None, limit: int) -> list[AclState]:
    """The next ``limit`` ACLs in the order of their names, after the one named."""
    query = select(AclRow.name).where(AclRow.tenant == tenant)
    if after is not None:
        query = query.where(AclRow.name > after)
    names = session.scalars(query.order_by(AclRow.name).limit(limit)).all()
    return list(acl_states(session, tenant, names).values()) if names else []


def members_after(
    session: Session, tenant: str, group: Principal, after: str | None, limit: int
) -> list[MemberState]:
    """The next ``limit`` direct members of a group in the order of their names.

    Raises:
        NotFoundError: the tenant does not know the group.
    """
    if group.kind is not PrincipalKind.GROUP:
        raise NotFoundError(f"{group} is no group; write group:ID")
    principal_state(session, tenant, group)
    query = select(MembershipRow.member, MembershipRow.managed_by).where(
        MembershipRow.tenant == tenant, MembershipRow.grp == str(group)
    )
    if after is not None:
        query = query.where(MembershipRow.member > after)
    rows = session.execute(query.order_by(MembershipRow.member).limit(limit))
    return [MemberState(str(group), row.member, row.managed_by) for row in rows]


def member_state(session: Session, tenant: str, group: Principal, member: Principal) -> MemberState:
    """One membership.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(MembershipRow, (tenant, str(member), str(group)), populate_existing=True)
    if row is None:
        raise NotFoundError(f"{member} is not directly in {group}")
    return MemberState(row.grp, row.member, row.managed_by)


def _principals(session: Session, tenant: str, names: Sequence[str]) -> list[PrincipalState]:
    groups: dict[str, list[str]] = defaultdict(list)
    rows: list[tuple[str, bool, str | None]] = []
    for some in batches(names):
        found = session.execute(
            select(PrincipalRow.principal, PrincipalRow.enabled, PrincipalRow.managed_by)
            .where(PrincipalRow.tenant == tenant, PrincipalRow.principal.in_(some))
            .order_by(PrincipalRow.principal)
        )
        rows += [(row.principal, row.enabled, row.managed_by) for row in found]
        edges = session.execute(
            select(MembershipRow.member, MembershipRow.grp)
            # Without ORDER BY: SQLite would walk the whole index of groups for it.
            .where(MembershipRow.tenant == tenant, MembershipRow.member.in_(some))
        )
        for member, group in sorted((edge.member, edge.grp) for edge in edges):
            groups[member].append(group)
    return [
        PrincipalState(Principal.parse(name), enabled, managed_by, tuple(groups[name]))
        for name, enabled, managed_by in rows
    ]


def _entries(session: Session, tenant: str, ids: Sequence[str] | None) -> dict[str, list[AclEntry]]:
    found: dict[str, list[AclEntry]] = defaultdict(list)
    principals: dict[str, Principal] = {}
    for condition in _conditions(AclEntryRow, ids):
        rows = session.execute(
            select(
                AclEntryRow.acl_id,
                AclEntryRow.effect,
                AclEntryRow.principal,
                AclEntryRow.expires_at,
            ).where(AclEntryRow.tenant == tenant, *condition)
        )
        for acl_id, effect, name, expires_at in rows:
            if name not in principals:
                principals[name] = Principal.parse(name)
            found[acl_id].append(AclEntry(Effect(effect), principals[name], expires_at))
    return found


def _purposes(session: Session, tenant: str, ids: Sequence[str] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for condition in _conditions(AclPurposeRow, ids):
        rows = session.execute(
            select(AclPurposeRow.acl_id, AclPurposeRow.purpose).where(
                AclPurposeRow.tenant == tenant, *condition
            )
        )
        for acl_id, purpose in rows:
            found[acl_id].append(purpose)
    return found


def _conditions(
    model: type[AclEntryRow | AclPurposeRow], ids: Sequence[str] | None
) -> Iterator[list[ColumnElement[bool]]]:
    """One statement's condition at a time: none for all, else a run of ids."""
    if ids is None:
        yield []
        return
    for some in batches(ids):
        yield [model.acl_id.in_(some)]
