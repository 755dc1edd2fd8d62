"""The directory: tenants, principals, memberships and ACLs, changed inside one write transaction.

Every function that changes something bumps the tenant's ``acl_version`` in the same transaction,
so that no cached scope outlives it, and returns whether anything changed. All are idempotent.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, cast

from sqlalchemy import CursorResult, delete, select, update

from acl.digest import keyed_id
from acl.entries import AclEntry, Effect, check_name
from acl.errors import InvalidAclError, NotFoundError
from acl.models import AclEntryRow, AclRow, Installation, MembershipRow, PrincipalRow, Tenant
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
    """Mark every cached scope of the tenant as outdated, with this transaction's commit."""
    session.execute(
        update(Tenant).where(Tenant.name == tenant).values(acl_version=Tenant.acl_version + 1)
    )


def ensure_principal(session: Session, tenant: str, principal: Principal, *, now: datetime) -> bool:
    """Make the principal known (and leave it as it is if it was). True if it is new."""
    if session.get(PrincipalRow, (tenant, str(principal))) is not None:
        return False
    session.add(PrincipalRow(tenant=tenant, principal=str(principal), created_at=now))
    session.flush()
    bump_acl_version(session, tenant)
    return True


def set_enabled(session: Session, tenant: str, principal: Principal, *, enabled: bool) -> bool:
    """Switch a principal on or off. A disabled user sees nothing; a disabled group admits nobody.

    Raises:
        NotFoundError: the principal is unknown.
    """
    row = session.get(PrincipalRow, (tenant, str(principal)))
    if row is None:
        raise NotFoundError(f"principal {principal} is unknown in this tenant")
    if row.enabled == enabled:
        return False
    row.enabled = enabled
    bump_acl_version(session, tenant)
    return True


def add_member(
    session: Session, tenant: str, group: Principal, member: Principal, *, now: datetime
) -> bool:
    """Put ``member`` into ``group``; both become known. True if the edge is new.

    Raises:
        InvalidAclError: ``group`` is no group, or ``member`` is 'everyone'.
    """
    if group.kind is not PrincipalKind.GROUP:
        raise InvalidAclError(f"group {group}: only a group has members; write group:ID")
    if member.kind is PrincipalKind.EVERYONE:
        raise InvalidAclError("member: 'everyone' cannot join a group; allow 'everyone' instead")
    ensure_principal(session, tenant, group, now=now)
    ensure_principal(session, tenant, member, now=now)
    if session.get(MembershipRow, (tenant, str(member), str(group))) is not None:
        return False
    session.add(MembershipRow(tenant=tenant, member=str(member), grp=str(group)))
    session.flush()
    bump_acl_version(session, tenant)
    return True


def remove_member(session: Session, tenant: str, group: Principal, member: Principal) -> bool:
    """Take ``member`` out of ``group``. True if the edge existed."""
    removed = session.execute(
        delete(MembershipRow).where(
            MembershipRow.tenant == tenant,
            MembershipRow.member == str(member),
            MembershipRow.grp == str(group),
        )
    )
    if not cast("CursorResult[object]", removed).rowcount:
        return False
    bump_acl_version(session, tenant)
    return True


def acl_by_name(session: Session, tenant: str, name: str) -> AclRow:
    """The ACL called ``name``.

    Raises:
        NotFoundError: there is none.
    """
    row = session.scalar(select(AclRow).where(AclRow.tenant == tenant, AclRow.name == name))
    if row is None:
        raise NotFoundError(f"acl {name!r} does not exist; list them with: clearance acl list")
    return row


def put_acl(
    session: Session,
    tenant: str,
    name: str,
    *,
    secret: bytes,
    parent: str | None = None,
    inherit: bool = True,
    entries: Iterable[AclEntry] = (),
    managed_by: str | None = None,
    now: datetime,
) -> tuple[str, bool]:
    """Create or replace an ACL: its parent, inheritance and the whole of its entries.

    Principals named in an allow become known; a deny makes nobody known, or it would open what is
    for everyone to whoever it refuses. The id is a keyed function of tenant and name, so it
    tells nothing about other ACLs.

    Returns:
        The ACL's id, and whether anything changed.

    Raises:
        NotFoundError: the parent does not exist.
        InvalidAclError: the parents would form a cycle, or a principal is both listed twice with
            different expiries.
    """
    check_name(name, field="acl")
    acl_id = keyed_id(secret, "acl", tenant, name)
    parent_id = None if parent is None else acl_by_name(session, tenant, parent).id
    _refuse_cycle(session, tenant, acl_id, parent_id, name)
    row = session.get(AclRow, (tenant, acl_id))
    changed = False
    if row is None:
        row = AclRow(tenant=tenant, id=acl_id, name=name, parent_id=parent_id, inherit=inherit)
        row.managed_by = managed_by
        session.add(row)
        session.flush()
        changed = True
    elif (row.parent_id, row.inherit, row.managed_by) != (parent_id, inherit, managed_by):
        row.parent_id, row.inherit, row.managed_by = parent_id, inherit, managed_by
        changed = True
    changed |= _replace_entries(session, tenant, acl_id, entries, now=now)
    if changed:
        session.flush()
        bump_acl_version(session, tenant)
    return acl_id, changed


def grant(session: Session, tenant: str, acl_name: str, entry: AclEntry, *, now: datetime) -> bool:
    """Add one entry to an ACL, or change its expiry. True if anything changed."""
    acl_id = acl_by_name(session, tenant, acl_name).id
    if entry.effect is Effect.ALLOW:
        ensure_principal(session, tenant, entry.principal, now=now)
    row = session.get(AclEntryRow, (tenant, acl_id, entry.effect.value, str(entry.principal)))
    if row is not None and row.expires_at == entry.expires_at:
        return False
    if row is None:
        session.add(_entry_row(tenant, acl_id, entry))
    else:
        row.expires_at = entry.expires_at
    session.flush()
    bump_acl_version(session, tenant)
    return True


def revoke(
    session: Session, tenant: str, acl_name: str, effect: Effect, principal: Principal
) -> bool:
    """Remove one entry from an ACL. True if it existed."""
    acl_id = acl_by_name(session, tenant, acl_name).id
    row = session.get(AclEntryRow, (tenant, acl_id, effect.value, str(principal)))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    bump_acl_version(session, tenant)
    return True


def _entry_row(tenant: str, acl_id: str, entry: AclEntry) -> AclEntryRow:
    return AclEntryRow(
        tenant=tenant,
        acl_id=acl_id,
        effect=entry.effect.value,
        principal=str(entry.principal),
        expires_at=entry.expires_at,
    )


def _replace_entries(
    session: Session, tenant: str, acl_id: str, entries: Iterable[AclEntry], *, now: datetime
) -> bool:
    wanted: dict[tuple[str, str], AclEntry] = {}
    for entry in entries:
        key = (entry.effect.value, str(entry.principal))
        if key in wanted and wanted[key] != entry:
            raise InvalidAclError(
                f"entries: {entry.effect} {entry.principal} stands twice with different expiries"
            )
        wanted[key] = entry
    held = {
        (row.effect, row.principal): row
        for row in session.scalars(
            select(AclEntryRow).where(AclEntryRow.tenant == tenant, AclEntryRow.acl_id == acl_id)
        )
    }
    changed = False
    for key, row in held.items():
        if key not in wanted:
            session.delete(row)
            changed = True
        elif row.expires_at != wanted[key].expires_at:
            row.expires_at = wanted[key].expires_at
            changed = True
    for key, entry in wanted.items():
        if key not in held:
            if entry.effect is Effect.ALLOW:
                ensure_principal(session, tenant, entry.principal, now=now)
            session.add(_entry_row(tenant, acl_id, entry))
            changed = True
    return changed


def _refuse_cycle(
    session: Session, tenant: str, acl_id: str, parent_id: str | None, name: str
) -> None:
    seen = {acl_id}
    while parent_id is not None:
        if parent_id in seen:
            raise InvalidAclError(f"acl {name!r}: its parents would form a cycle")
        seen.add(parent_id)
        parent = session.get(AclRow, (tenant, parent_id))
        parent_id = None if parent is None else parent.parent_id
