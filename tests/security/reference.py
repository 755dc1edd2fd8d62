"""The reference evaluator: what the words of the access-control semantics say, one by one.

Slow and obvious on purpose: it walks chains upwards from the ACL, where the product spreads entries
downwards in SQL, and shares no code with it. It is what the product is held to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """One entry of an ACL; the principal as text, the expiry exclusive."""

    effect: str
    principal: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Acl:
    """One ACL; its parent by name."""

    name: str
    parent: str | None = None
    inherit: bool = True
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Directory:
    """Everything that decides who sees what in one tenant.

    Attributes:
        enabled: every known principal, and whether it is switched on.
        members: (member, group) edges.
        acls: by name.
    """

    enabled: dict[str, bool]
    members: frozenset[tuple[str, str]]
    acls: dict[str, Acl]


def principals_of(directory: Directory, principal: str, *, to: str) -> set[str]:
    """The subject, every group reached by membership, and everyone.

    A group that is switched off leads to no ``allow``; what it is denied stays denied.
    """
    if not directory.enabled.get(principal, False):
        return set()

    def counts(name: str) -> bool:
        return to == "deny" or directory.enabled.get(name, False)

    reached = {principal}
    grew = True
    while grew:
        grew = False
        for member, group in directory.members:
            if member in reached and group not in reached and counts(group):
                reached.add(group)
                grew = True
    if counts("everyone"):
        reached.add("everyone")
    return reached


def chain_of(directory: Directory, name: str) -> Iterator[Acl]:
    """The ACL and its ancestors up to the first that does not inherit."""
    acl: Acl | None = directory.acls[name]
    while acl is not None:
        yield acl
        if not acl.inherit or acl.parent is None:
            return
        acl = directory.acls[acl.parent]


def sees(directory: Directory, principal: str, name: str, now: datetime) -> bool:
    """True iff an unexpired allow in the chain names the principal, and no unexpired deny does."""
    principals = {
        effect: principals_of(directory, principal, to=effect) for effect in ("allow", "deny")
    }
    effects = {
        entry.effect
        for acl in chain_of(directory, name)
        for entry in acl.entries
        if entry.principal in principals[entry.effect]
        and (entry.expires_at is None or now < entry.expires_at)
    }
    return "allow" in effects and "deny" not in effects


def visible(directory: Directory, subject: str, actor: str | None, now: datetime) -> set[str]:
    """Names of the ACLs that subject and actor (if there is one) both see."""
    callers = [subject] if actor is None else [subject, actor]
    return {
        name
        for name in directory.acls
        if all(sees(directory, principal, name, now) for principal in callers)
    }
