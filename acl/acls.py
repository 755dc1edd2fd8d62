"""ACLs as they are changed: put, granted on, revoked from and removed, in one write transaction.

Every function that changes something bumps the tenant's ``acl_version`` in the same transaction and
returns whether anything changed. All are idempotent. What an ACL means is decided in
:mod:`acl.resolve` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from acl.digest import keyed_id
from acl.directory import (
    bump_acl_version,
    ensure_principal,
    ensure_principals,
    lock_directory,
)
from acl.entries import AclEntry, Effect, check_name, check_purpose
from acl.errors import AclInUseError, InvalidAclError, NotFoundError
from acl.models import AclContentRow, AclEntryRow, AclPurposeRow, AclRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.principal import Principal


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
    purposes: Iterable[str] | None = None,
    managed_by: str | None = None,
    now: datetime,
) -> tuple[str, bool]:
    """Create or replace an ACL: its parent, inheritance and the whole of its entries.

    Principals named in an allow become known; a deny makes nobody known, or it would open what is
    for everyone to whoever it refuses. The id is a keyed function of tenant and name, so it
    tells nothing about other ACLs. ``purposes`` of None leaves those there are.

    Returns:
        The ACL's id, and whether anything changed.

    Raises:
        NotFoundError: the parent does not exist.
        InvalidAclError: the parents would form a cycle, or a principal is both listed twice with
            different expiries.
    """
    check_name(name, field="acl")
    acl_id = keyed_id(secret, "acl", tenant, name)
    parent_id = None
    if parent is not None:
        lock_directory(session, tenant)  # two writers must not close a cycle together
        parent_id = acl_by_name(session, tenant, parent).id
        _refuse_cycle(session, tenant, acl_id, parent_id, name)
    row = session.get(AclRow, (tenant, acl_id))
    changed = False
    if row is None:
        row = AclRow(tenant=tenant, id=acl_id, name=name, parent_id=parent_id, inherit=inherit)
        row.managed_by = managed_by
        session.add(row)
        changed = True
    elif (row.parent_id, row.inherit, row.managed_by) != (parent_id, inherit, managed_by):
        row.parent_id, row.inherit, row.managed_by = parent_id, inherit, managed_by
        changed = True
    session.flush()
    changed |= _replace_entries(session, tenant, acl_id, entries, now=now)
    if purposes is not None:
        changed |= _replace_purposes(session, tenant, acl_id, frozenset(purposes))
    if changed:
        bump_acl_version(session, tenant)
    return acl_id, changed


def delete_acl(session: Session, tenant: str, name: str) -> None:
    """Remove an ACL under which nothing stands.

    Raises:
        NotFoundError: there is none.
        AclInUseError: documents or other ACLs stand under it; without it nobody could say who may
            see them.
    """
    row = acl_by_name(session, tenant, name)
    child = session.scalar(
        select(AclRow.name).where(AclRow.tenant == tenant, AclRow.parent_id == row.id).limit(1)
    )
    if child is not None:
        raise AclInUseError(f"acl {name!r}: {child!r} inherits from it; move or remove that first")
    if guards(session, tenant, row):
        raise AclInUseError(f"acl {name!r}: documents stand under it; move or delete them first")
    for part in (AclEntryRow, AclPurposeRow):
        session.execute(delete(part).where(part.tenant == tenant, part.acl_id == row.id))
    session.delete(row)
    session.flush()
    bump_acl_version(session, tenant)


def guards(session: Session, tenant: str, row: AclRow) -> bool:
    """True if something stands under this very ACL."""
    content = select(AclContentRow.source).where(
        AclContentRow.tenant == tenant, AclContentRow.acl_id == row.id
    )
    return row.live_chunks > 0 or session.scalar(content.limit(1)) is not None


def grant(session: Session, tenant: str, acl_name: str, entry: AclEntry, *, now: datetime) -> bool:
    """Add one entry to an ACL, or change its expiry. True if anything changed."""
    acl_id = acl_by_name(session, tenant, acl_name).id
    if entry.effect is Effect.ALLOW:
        ensure_principal(session, tenant, entry.principal, now=now)
    row = session.get(AclEntryRow, (tenant, acl_id, entry.effect.value, str(entry.principal)))
    if row is not None and row.expires_at == entry.expires_at:
        return False
    if row is None:
        session.add(AclEntryRow(**_values(tenant, acl_id, entry)))
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


def _values(tenant: str, acl_id: str, entry: AclEntry) -> dict[str, object]:
    return {
        "tenant": tenant,
        "acl_id": acl_id,
        "effect": entry.effect.value,
        "principal": str(entry.principal),
        "expires_at": entry.expires_at,
    }


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
    new = [entry for key, entry in wanted.items() if key not in held]
    allowed = [entry.principal for entry in new if entry.effect is Effect.ALLOW]
    ensure_principals(session, tenant, allowed, now=now)
    session.flush()
    if new:
        session.execute(insert(AclEntryRow), [_values(tenant, acl_id, entry) for entry in new])
    return changed or bool(new)


def _replace_purposes(session: Session, tenant: str, acl_id: str, purposes: frozenset[str]) -> bool:
    for purpose in purposes:
        check_purpose(purpose)
    mine = (AclPurposeRow.tenant == tenant, AclPurposeRow.acl_id == acl_id)
    held = set(session.scalars(select(AclPurposeRow.purpose).where(*mine)))
    if gone := sorted(held - purposes):
        session.execute(delete(AclPurposeRow).where(*mine, AclPurposeRow.purpose.in_(gone)))
    if new := sorted(purposes - held):
        session.execute(
            insert(AclPurposeRow),
            [{"tenant": tenant, "acl_id": acl_id, "purpose": purpose} for purpose in new],
        )
    return held != purposes


def _refuse_cycle(
    session: Session, tenant: str, acl_id: str, parent_id: str | None, name: str
) -> None:
    seen, names = {acl_id}, [name]
    while parent_id is not None:
        parent = session.get(AclRow, (tenant, parent_id))
        names.append(name if parent is None else parent.name)
        if parent_id in seen:
            raise InvalidAclError(
                f"acl {name!r}: its parents would form a cycle: {' → '.join(names)}"
            )
        seen.add(parent_id)
        parent_id = None if parent is None else parent.parent_id
