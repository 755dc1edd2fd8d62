"""The reference evaluator: what the words of the access-control semantics say, one by one.

Slow and obvious on purpose: it walks chains upwards from the ACL, where the product spreads entries
downwards in SQL, and shares no code with it. It is what the product is held to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_EFFECTS: Final = ("allow", "deny")


@dataclass(frozen=True)
class Entry:
    """One entry of an ACL; the principal as text, the expiry exclusive."""

    effect: str
    principal: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Acl:
    """One ACL; its parent by name, the purposes it states, who keeps it, sources it guards."""

    name: str
    parent: str | None = None
    inherit: bool = True
    entries: tuple[Entry, ...] = ()
    purposes: frozenset[str] = frozenset()
    managed_by: str | None = None
    guards: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Directory:
    """Everything that decides who sees what in one tenant.

    Attributes:
        enabled: every known principal, and whether it is switched on.
        members: (member, group) edges.
        acls: by name.
        closes_at: from when on the ACLs that somebody keeps are too old to trust.
    """

    enabled: dict[str, bool]
    members: frozenset[tuple[str, str]]
    acls: dict[str, Acl]
    closes_at: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Asker:
    """Who asks, and what the token says beside that. None narrows nothing."""

    subject: str
    actors: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    groups_from: str = "directory"
    sources: frozenset[str] | None = None
    acls: frozenset[str] | None = None
    purpose: str | None = None


@dataclass(frozen=True)
class Seen:
    """What an asker sees, and whose ACLs show nothing only because they are too old."""

    acls: frozenset[str]
    closed: frozenset[str]


def principals_of(directory: Directory, asker: Asker, *, to: str) -> set[str]:
    """The subject, every group reached by membership, and everyone.

    A group that is switched off leads to no ``allow``; what it is denied stays denied. The same
    holds of a group that the token asserts and nobody knows.
    """
    if not directory.enabled.get(asker.subject, False):
        return set()

    def counts(name: str) -> bool:
        return to == "deny" or directory.enabled.get(name, False)

    reached = {asker.subject}
    if asker.groups_from in {"claim", "both"}:
        reached |= {group for group in asker.groups if counts(group)}
    edges = {
        (member, group)
        for member, group in directory.members
        if member != asker.subject or asker.groups_from in {"directory", "both"}
    }
    grew = True
    while grew:
        grew = False
        for member, group in edges:
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


def admits(directory: Directory, asker: Asker, name: str, now: datetime) -> bool:
    """True iff an unexpired allow in the chain names the subject, and nothing there refuses it.

    Refused is who an unexpired deny in the chain names, and a token for a purpose that is not among
    those that an ACL in the chain states.
    """
    principals = {effect: principals_of(directory, asker, to=effect) for effect in _EFFECTS}
    chain = list(chain_of(directory, name))
    effects = {
        entry.effect
        for acl in chain
        for entry in acl.entries
        if entry.principal in principals[entry.effect]
        and (entry.expires_at is None or now < entry.expires_at)
    }
    suits = asker.purpose is None or all(
        asker.purpose in acl.purposes for acl in chain if acl.purposes
    )
    return "allow" in effects and "deny" not in effects and suits


def sees(directory: Directory, principal: str, name: str, now: datetime) -> bool:
    """True iff the principal alone, without a token that narrows, is admitted."""
    return admits(directory, Asker(principal), name, now)


def admits_all(directory: Directory, asker: Asker, name: str, now: datetime) -> bool:
    """True iff the subject and every actor are admitted, and the token leaves it to them."""
    others = [Asker(actor, purpose=asker.purpose) for actor in asker.actors]
    everyone = all(admits(directory, one, name, now) for one in (asker, *others))
    named = asker.acls is None or any(acl in asker.acls for acl in lineage(directory, name))
    return everyone and named


def lineage(directory: Directory, name: str) -> Iterator[str]:
    """The ACL and all its ancestors, whether or not it inherits from them."""
    acl: Acl | None = directory.acls[name]
    while acl is not None:
        yield acl.name
        acl = None if acl.parent is None else directory.acls[acl.parent]


def kept_by_the_late(directory: Directory, name: str, now: datetime) -> set[str]:
    """Who keeps an ACL of the chain and has not confirmed it in time."""
    return {
        acl.managed_by
        for acl in chain_of(directory, name)
        if acl.managed_by in directory.closes_at and directory.closes_at[acl.managed_by] <= now
    }


def seen(directory: Directory, asker: Asker, now: datetime) -> Seen:
    """What the asker sees. ACLs that are too old are named where they guard something for them."""
    admitted = [name for name in directory.acls if admits_all(directory, asker, name, now)]
    late = {name: kept_by_the_late(directory, name, now) for name in admitted}
    return Seen(
        frozenset(name for name in admitted if not late[name]),
        frozenset(
            max(late[name]) for name in admitted if late[name] and guards(directory, asker, name)
        ),
    )


def guards(directory: Directory, asker: Asker, name: str) -> bool:
    """True iff something stands under the ACL, in a source that the token leaves."""
    sources = directory.acls[name].guards
    return bool(sources if asker.sources is None else sources & asker.sources)


def visible(directory: Directory, asker: Asker, now: datetime) -> frozenset[str]:
    """Names of the ACLs the asker sees."""
    return seen(directory, asker, now).acls
