"""The directory: tenants, principals and memberships, changed inside one write transaction.

Every function that changes something bumps the tenant's ``acl_version`` in the same transaction,
so that no cached scope outlives it, and returns whether (or how much) changed. All are idempotent.
ACLs are in :mod:`acl.admin.acls`.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from sqlalchemy import CursorResult, delete, insert, select, update

from acl.entries import check_name
from acl.errors import InvalidAclError, NotFoundError
from acl.models import Installation, MembershipRow, PrincipalRow, Tenant
from acl.orm import batches
from acl.principal import EVERYONE, Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.orm import Database


def installation_secret(database: Database, *, now: datetime) -> bytes:
    """The secret that keys this catalogue's ids and digests, made on first use."""
    with database.unguarded("the installation row belongs to no tenant") as session:
        row = session.get(Installation, 1)
        if row is not None:
            return row.secret
    with database.unguarded("first use of this catalogue", writable=True) as session:
        row = session.get(Installation, 1)
        if row is None:
            row = Installation(id=1, secret=secrets.token_bytes(32), created_at=now)
            session.add(row)
        return row.secret


def ensure_tenant(database: Database, name: str, *, now: datetime) -> bool:
    """Create the tenant unless it exists. Returns True if it was created."""
    check_name(name, field="tenant")
    with database.unguarded("tenants belong to no tenant") as session:
        if session.get(Tenant, name) is not None:
            return False
    with database.unguarded("creating a tenant", writable=True) as session:
        if session.get(Tenant, name) is not None:
            return False
        session.add(Tenant(name=name, created_at=now))
        session.flush()
        session.add(PrincipalRow(tenant=name, principal=str(EVERYONE), created_at=now))
    return True


def bump_acl_version(session: Session, tenant: str) -> None:
    """Mark every cached scope of the tenant as outdated, with this transaction's commit.

    Once for each transaction: nobody else sees what lies between. So a scope resolved inside a
    write transaction must not be kept beyond it.
    """
    innermost = session.get_nested_transaction() or session.get_transaction()
    bumped = session.info.setdefault("acl_version_bumped", WeakKeyDictionary())
    within = innermost
    while within is not None:
        if tenant in bumped.get(within, ()):
            return
        within = within.parent
    session.execute(
        update(Tenant).where(Tenant.name == tenant).values(acl_version=Tenant.acl_version + 1)
    )
    # Noted with the transaction that did it, so that rolling back a savepoint forgets it too.
    bumped.setdefault(innermost or session.get_transaction(), set()).add(tenant)


def lock_directory(session: Session, tenant: str) -> int:
    """Stand in line with whoever else administers the tenant. Returns its ``acl_version``.

    What is read after this stays true until the transaction ends: two administrators cannot both
    find an object as they expect it, or close a cycle together. (SQLite has one writer anyway.)

    Raises:
        NotFoundError: the tenant does not exist.
    """
    locked = select(Tenant.acl_version).where(Tenant.name == tenant).with_for_update()
    version = session.scalar(locked)
    if version is None:
        raise NotFoundError(f"tenant {tenant!r} does not exist")
    return version


def known_principals(session: Session, tenant: str, names: Iterable[str]) -> set[str]:
    """Those of ``names`` that the tenant knows, switched on or off."""
    found: set[str] = set()
    for some in batches(sorted(set(names))):
        found.update(
            session.scalars(
                select(PrincipalRow.principal).where(
                    PrincipalRow.tenant == tenant, PrincipalRow.principal.in_(some)
                )
            )
        )
    return found


def ensure_principals(
    session: Session, tenant: str, principals: Iterable[Principal], *, now: datetime
) -> int:
    """Make the principals known (and leave them as they are if they were). How many are new."""
    names = {str(principal) for principal in principals}
    new = sorted(names - known_principals(session, tenant, names)) if names else []
    if new:
        session.execute(
            insert(PrincipalRow),
            [
                {"tenant": tenant, "principal": name, "enabled": True, "created_at": now}
                for name in new
            ],
        )
        bump_acl_version(session, tenant)
    return len(new)


def ensure_principal(session: Session, tenant: str, principal: Principal, *, now: datetime) -> bool:
    """Make the principal known (and leave it as it is if it was). True if it is new."""
    return bool(ensure_principals(session, tenant, [principal], now=now))


def set_enabled(session: Session, tenant: str, principal: Principal, *, enabled: bool) -> bool:
    """Switch a principal on or off. A disabled user sees nothing; a disabled group admits nobody.

    Done by hand, it ends whatever directory kept the principal until now: what somebody switched
    off by hand, no synchronisation switches on again.

    Raises:
        NotFoundError: the principal is unknown.
    """
    row = session.get(PrincipalRow, (tenant, str(principal)))
    if row is None:
        raise NotFoundError(f"principal {principal} is unknown in this tenant")
    if row.enabled == enabled:
        return False
    row.enabled, row.managed_by = enabled, None
    session.flush()
    bump_acl_version(session, tenant)
    return True


def check_member(group: Principal, member: Principal) -> None:
    """Refuse what cannot be a membership.

    Raises:
        InvalidAclError: ``group`` is no group, or ``member`` is 'everyone'.
    """
    if group.kind is not PrincipalKind.GROUP:
        raise InvalidAclError(f"group {group}: only a group has members; write group:ID")
    if member.kind is PrincipalKind.EVERYONE:
        raise InvalidAclError("member: 'everyone' cannot join a group; allow 'everyone' instead")


def add_members(
    session: Session,
    tenant: str,
    edges: Iterable[tuple[Principal, Principal]],
    *,
    managed_by: str | None = None,
    now: datetime,
) -> int:
    """Put members into groups, as (group, member); all become known. How many edges are new.

    Raises:
        InvalidAclError: a group is no group, or a member is 'everyone'.
    """
    wanted = list(dict.fromkeys(edges))
    for group, member in wanted:
        check_member(group, member)
    ensure_principals(session, tenant, {one for edge in wanted for one in edge}, now=now)
    held = _held_edges(session, tenant, {str(group) for group, _ in wanted})
    rows = [
        {"tenant": tenant, "member": str(member), "grp": str(group), "managed_by": managed_by}
        for group, member in wanted
        if (str(group), str(member)) not in held
    ]
    if rows:
        session.execute(insert(MembershipRow), rows)
        bump_acl_version(session, tenant)
    return len(rows)


def add_member(
    session: Session, tenant: str, group: Principal, member: Principal, *, now: datetime
) -> bool:
    """Put ``member`` into ``group``; both become known. True if the edge is new.

    Raises:
        InvalidAclError: ``group`` is no group, or ``member`` is 'everyone'.
    """
    check_member(group, member)
    ensure_principals(session, tenant, (group, member), now=now)
    if session.get(MembershipRow, (tenant, str(member), str(group))) is not None:
        return False
    session.add(MembershipRow(tenant=tenant, member=str(member), grp=str(group)))
    session.flush()
    bump_acl_version(session, tenant)
    return True


def remove_member(session: Session, tenant: str, group: Principal, member: Principal) -> bool:
    """Take ``member`` out of ``group``. True if the edge existed."""
    return bool(remove_members(session, tenant, [(group, member)]))


def remove_members(
    session: Session, tenant: str, edges: Iterable[tuple[Principal, Principal]]
) -> int:
    """Take members out of groups, as (group, member). How many edges there were."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for group, member in edges:
        by_group[str(group)].append(str(member))
    removed = 0
    for name, members in by_group.items():
        for some in batches(members):
            gone = session.execute(
                delete(MembershipRow).where(
                    MembershipRow.tenant == tenant,
                    MembershipRow.grp == name,
                    MembershipRow.member.in_(some),
                )
            )
            removed += cast("CursorResult[object]", gone).rowcount
    if removed:
        bump_acl_version(session, tenant)
    return removed


def _held_edges(session: Session, tenant: str, groups: set[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for some in batches(sorted(groups)):
        rows = session.execute(
            select(MembershipRow.grp, MembershipRow.member).where(
                MembershipRow.tenant == tenant, MembershipRow.grp.in_(some)
            )
        )
        found.update((row.grp, row.member) for row in rows)
    return found
