"""Policy files and the catalogue: what a file would change, making it so, and writing it out.

A file speaks of what is administered by hand. ACLs that a source keeps are refused in it, and
memberships that a directory synchronises are neither removed nor written out, so that two keepers
never undo each other's work.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.admin.changes import AddMember, DropAcl, PutAcl, RemoveMember, SetPrincipal
from acl.admin.directory import known_principals, lock_directory
from acl.admin.plan import Plan, carry_out, plan
from acl.admin.policy_file import Policy, parents_first
from acl.admin.state import acl_states
from acl.models import AclRow, MembershipRow, PrincipalRow
from acl.orm import batches
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.admin.changes import Change


def plan_policy(
    session: Session, tenant: str, policy: Policy, *, secret: bytes, now: datetime
) -> Plan:
    """What applying the policy would do; the directory is left as it was.

    Raises:
        AclError: it cannot be applied; the same as of :func:`apply_policy`.
    """
    lock_directory(session, tenant)
    return plan(session, tenant, changes_of(session, tenant, policy), secret=secret, now=now)


def apply_policy(
    session: Session, tenant: str, policy: Policy, *, secret: bytes, now: datetime
) -> Plan:
    """Make the tenant's groups and ACLs as the policy says. Applying it again changes nothing.

    Raises:
        PolicyFileError: it lists an ACL that a source keeps, a parent that does not exist, or
            parents that form a cycle with those of the catalogue.
        AclInUseError: ``prune`` would remove an ACL under which documents or other ACLs stand.
    """
    lock_directory(session, tenant)
    return carry_out(session, tenant, changes_of(session, tenant, policy), secret=secret, now=now)


def changes_of(session: Session, tenant: str, policy: Policy) -> list[Change]:
    """What has to change for the catalogue to say what the policy says; nothing if it does."""
    return [*_of_groups(session, tenant, policy), *_of_acls(session, tenant, policy)]


def policy_of(session: Session, tenant: str) -> Policy:
    """The policy that, applied, changes nothing: all that is administered by hand."""
    groups = {
        principal: set[Principal]()
        for name, managed_by in session.execute(
            select(PrincipalRow.principal, PrincipalRow.managed_by).where(
                PrincipalRow.tenant == tenant
            )
        )
        for principal in (Principal.parse(name),)
        if principal.kind is PrincipalKind.GROUP and managed_by is None
    }
    for group, edges in _edges(session, tenant, None).items():
        if by_hand := {member for member, managed_by in edges.items() if managed_by is None}:
            groups.setdefault(group, set()).update(by_hand)
    acls = acl_states(session, tenant)
    return Policy(
        groups={group: frozenset(members) for group, members in groups.items()},
        acls={name: state for name, state in acls.items() if state.managed_by is None},
    )


def _of_groups(session: Session, tenant: str, policy: Policy) -> list[Change]:
    held = _edges(session, tenant, None if policy.prune else policy.groups)
    known = known_principals(session, tenant, (str(group) for group in policy.groups))
    changes: list[Change] = [
        SetPrincipal(group) for group in sorted(policy.groups) if str(group) not in known
    ]
    for group in sorted({*policy.groups, *held}):
        wanted = policy.groups.get(group, frozenset())
        edges = held.get(group, {})
        changes += [
            RemoveMember(group, member)
            for member, managed_by in sorted(edges.items(), key=lambda edge: edge[0])
            if managed_by is None and member not in wanted
        ]
        changes += [AddMember(group, member) for member in sorted(wanted - edges.keys())]
    return changes


def _of_acls(session: Session, tenant: str, policy: Policy) -> list[Change]:
    held = acl_states(session, tenant, None if policy.prune else policy.acls)
    parents = _parents(session, tenant)
    for name, state in policy.acls.items():
        keeper = held[name].managed_by if name in held else None
        if keeper is not None:
            raise policy.refuse(
                name, f"source {keeper!r} keeps this ACL; change it there and remove it here"
            )
        if (
            state.parent is not None
            and state.parent not in policy.acls
            and state.parent not in parents
        ):
            raise policy.refuse(name, f"{state.parent!r} does not exist; list it too", key="parent")
    changes: list[Change] = [
        PutAcl(policy.acls[name], held.get(name))
        for name in parents_first(policy, parents)
        if policy.acls[name] != held.get(name)
    ]
    if policy.prune:
        gone = {
            name: parents[name]
            for name, state in held.items()
            if name not in policy.acls and state.managed_by is None
        }
        changes += [DropAcl(name) for name in _children_first(gone)]
    return changes


def _children_first(parents: dict[str, str | None]) -> list[str]:
    ordered: dict[str, None] = {}
    for name in sorted(parents):
        path = []
        at: str | None = name
        while at in parents and at not in ordered:
            path.append(at)
            at = parents[at]
        ordered.update(dict.fromkeys(reversed(path)))
    return list(reversed(ordered))


def _parents(session: Session, tenant: str) -> dict[str, str | None]:
    """The name of every ACL's parent, by name."""
    rows = session.execute(
        select(AclRow.id, AclRow.name, AclRow.parent_id).where(AclRow.tenant == tenant)
    ).all()
    names = {row.id: row.name for row in rows}
    return {row.name: names.get(row.parent_id) for row in rows}


def _edges(
    session: Session, tenant: str, groups: Collection[Principal] | None
) -> dict[Principal, dict[Principal, str | None]]:
    """For each group (of some, or of all), its direct members and who keeps each membership."""
    query = select(MembershipRow.grp, MembershipRow.member, MembershipRow.managed_by).where(
        MembershipRow.tenant == tenant
    )
    if groups is None:
        rows = list(session.execute(query))
    else:
        rows = [
            row
            for some in batches(sorted(str(group) for group in groups))
            for row in session.execute(query.where(MembershipRow.grp.in_(some)))
        ]
    found: dict[Principal, dict[Principal, str | None]] = defaultdict(dict)
    parsed: dict[str, Principal] = {}
    for group, member, managed_by in rows:
        for name in (group, member):
            if name not in parsed:
                parsed[name] = Principal.parse(name)
        found[parsed[group]][parsed[member]] = managed_by
    return found
