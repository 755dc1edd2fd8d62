"""ACLs as they are changed: put, granted on, revoked from and removed, in one write transaction.

Every function that changes something bumps the tenant's ``acl_version`` in the same transaction and
returns whether anything changed. All are idempotent. What an ACL means is decided in
:mod:`acl.resolve` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from acl.admin.directory import (
    bump_acl_version,
    ensure_principal,
    ensure_principals,
    lock_directory,
)
from acl.admin.state import AclState
from acl.digest import keyed_id
from acl.entries import AclEntry, Effect, check_name, check_purpose
from acl.errors import AclInUseError, InvalidAclError, NotFoundError
from acl.models import AclContentRow, AclEntryRow, AclPurposeRow, AclRow
from acl.orm import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
    """Create or replace one ACL: see :func:`put_acls`. ``purposes`` of None leaves those it has.

    Returns:
        The ACL's id, and whether anything changed.
    """
    listed = frozenset(entries)
    asked = frozenset() if purposes is None else frozenset(purposes)
    state = AclState(name, parent, inherit, asked, listed, managed_by)
    put = put_acls(session, tenant, [state], secret=secret, now=now, keep_purposes=purposes is None)
    return put[name]


def put_acls(
    session: Session,
    tenant: str,
    states: Sequence[AclState],
    *,
    secret: bytes,
    now: datetime,
    keep_purposes: bool = False,
) -> dict[str, tuple[str, bool]]:
    """Create or replace ACLs: their parents, inheritance and the whole of their entries.

    Principals named in an allow become known; a deny makes nobody known, or it would open what is
    for everyone to whoever it refuses. An id is a keyed function of tenant and name, so it tells
    nothing about other ACLs.

    Args:
        session: a write transaction.
        tenant: whose ACLs.
        states: as they are to be, each name once, parents before what stands under them.
        secret: the installation's.
        now: aware UTC.
        keep_purposes: leave the purposes they have, whatever the states say.

    Returns:
        By name: the id, and whether anything changed.

    Raises:
        NotFoundError: a parent does not exist.
        InvalidAclError: a name or purpose is malformed, the parents would form a cycle, or a
            principal is listed twice with different expiries.
    """
    for state in states:
        check_name(state.name, field="acl")
    lock_directory(session, tenant)  # two writers must not close a cycle together
    wanted = {state.name: state for state in states}
    held = _by_name(session, tenant, {*wanted, *(s.parent for s in states if s.parent)})
    ids = {name: row.id for name, row in held.items()}
    ids |= {name: keyed_id(secret, "acl", tenant, name) for name in wanted if name not in ids}
    there = set(held)
    for state in states:
        if state.parent is not None and state.parent not in there:
            raise NotFoundError(
                f"acl {state.parent!r} does not exist; make it before {state.name!r}"
            )
        there.add(state.name)
    above = {ids[s.name]: None if s.parent is None else ids[s.parent] for s in states}
    _refuse_cycles(session, tenant, above, {ids[name]: name for name in ids})
    changed = {name for name in wanted if name not in held}
    new = [
        {
            "tenant": tenant,
            "id": ids[name],
            "name": name,
            "parent_id": above[ids[name]],
            "inherit": state.inherit,
            "managed_by": state.managed_by,
        }
        for name, state in wanted.items()
        if name not in held
    ]
    if new:
        session.execute(insert(AclRow), new)
    for name in wanted.keys() & held.keys():
        row, state = held[name], wanted[name]
        has = (row.parent_id, row.inherit, row.managed_by)
        if has != (above[row.id], state.inherit, state.managed_by):
            row.parent_id, row.inherit, row.managed_by = (
                above[row.id],
                state.inherit,
                state.managed_by,
            )
            changed.add(name)
    session.flush()
    by_id = {ids[name]: state for name, state in wanted.items()}
    moved = _replace_entries(session, tenant, by_id, now=now)
    if not keep_purposes:
        moved |= _replace_purposes(session, tenant, by_id)
    changed |= {by_id[acl_id].name for acl_id in moved}
    if changed:
        bump_acl_version(session, tenant)
    return {name: (ids[name], name in changed) for name in wanted}


def _by_name(session: Session, tenant: str, names: Iterable[str]) -> dict[str, AclRow]:
    return {
        row.name: row
        for some in batches(sorted(names))
        for row in session.scalars(
            select(AclRow).where(AclRow.tenant == tenant, AclRow.name.in_(some))
        )
    }


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
    session: Session, tenant: str, states: Mapping[str, AclState], *, now: datetime
) -> set[str]:
    """Give each ACL, by id, exactly the entries of its state. The ids of those that changed."""
    wanted: dict[tuple[str, str, str], AclEntry] = {}
    for acl_id, state in states.items():
        for entry in state.entries:
            key = (acl_id, entry.effect.value, str(entry.principal))
            if key in wanted:
                raise InvalidAclError(
                    f"entries of {state.name!r}: {entry.effect} {entry.principal} stands twice "
                    "with different expiries"
                )
            wanted[key] = entry
    changed: set[str] = set()
    for some in batches(sorted(states)):
        for row in session.scalars(
            select(AclEntryRow).where(AclEntryRow.tenant == tenant, AclEntryRow.acl_id.in_(some))
        ):
            key = (row.acl_id, row.effect, row.principal)
            if key not in wanted:
                session.delete(row)
                changed.add(row.acl_id)
            elif row.expires_at != (expires_at := wanted.pop(key).expires_at):
                row.expires_at = expires_at
                changed.add(row.acl_id)
    allowed = {entry.principal for entry in wanted.values() if entry.effect is Effect.ALLOW}
    ensure_principals(session, tenant, allowed, now=now)
    session.flush()
    if wanted:
        rows = [_values(tenant, acl_id, entry) for (acl_id, _, _), entry in wanted.items()]
        session.execute(insert(AclEntryRow), rows)
    return changed | {acl_id for acl_id, _, _ in wanted}


def _replace_purposes(session: Session, tenant: str, states: Mapping[str, AclState]) -> set[str]:
    """Give each ACL, by id, exactly the purposes of its state. The ids of those that changed."""
    wanted = {
        (acl_id, check_purpose(purpose))
        for acl_id, state in states.items()
        for purpose in state.purposes
    }
    held: set[tuple[str, str]] = set()
    gone: set[tuple[str, str]] = set()
    for some in batches(sorted(states)):
        for row in session.scalars(
            select(AclPurposeRow).where(
                AclPurposeRow.tenant == tenant, AclPurposeRow.acl_id.in_(some)
            )
        ):
            held.add((row.acl_id, row.purpose))
            if (row.acl_id, row.purpose) not in wanted:
                gone.add((row.acl_id, row.purpose))
                session.delete(row)
    session.flush()
    if new := sorted(wanted - held):
        session.execute(
            insert(AclPurposeRow),
            [{"tenant": tenant, "acl_id": acl_id, "purpose": purpose} for acl_id, purpose in new],
        )
    return {acl_id for acl_id, _ in gone | (wanted - held)}


def _refuse_cycles(
    session: Session, tenant: str, above: Mapping[str, str | None], names: Mapping[str, str]
) -> None:
    """Walk up from each ACL that is put, by the parents it will have."""
    named, parents = dict(names), dict(above)
    harmless: set[str] = set()
    for start in above:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in harmless:
            if at in path:
                cycle = [*list(path)[list(path).index(at) :], at]
                raise InvalidAclError(
                    f"acl {named[start]!r}: its parents would form a cycle: "
                    f"{' → '.join(named[acl_id] for acl_id in cycle)}"
                )
            path[at] = None
            if at not in parents:
                row = session.get(AclRow, (tenant, at))
                parents[at] = None if row is None else row.parent_id
                named[at] = at if row is None else row.name
            at = parents[at]
        harmless |= path.keys()
