"""Random directories: drawn by Hypothesis or by a seed, and written down as rows.

Small on purpose: six groups, four callers and eight ACLs collide all the time, so that cycles,
denies, expiries and cut chains meet in the same example.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from sqlalchemy import insert

from acl.admin.directory import ensure_tenant
from acl.caller import Caller, GroupsFrom, Narrowing
from acl.digest import EMPTY
from acl.models import (
    AclContentRow,
    AclEntryRow,
    AclPurposeRow,
    AclRow,
    AclSyncRow,
    MembershipRow,
    PrincipalRow,
)
from acl.principal import EVERYONE, Principal
from tests.security.reference import Acl, Asker, Directory, Entry
from tests.support.clock import HOUR, NOON

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterator

    from acl.orm import Database

USERS = ("user:ann", "user:bob", "user:cid")
ACTORS = ("service:bot", "user:bob")
STRANGERS = ("user:stranger", "service:stranger")
GROUPS = tuple(f"group:{name}" for name in "abcdef")
KNOWN = (*USERS, "service:bot", *GROUPS, "everyone")
ASSERTED = (*GROUPS[:3], "group:unknown")
PURPOSES = ("audit", "support")
KEEPERS = ("crm", "hr")
SOURCES = ("policies", "wiki")
_EXPIRIES = (None, None, None, NOON - HOUR, NOON, NOON + HOUR)
_CLOSINGS = (NOON - HOUR, NOON, NOON + HOUR, NOON + 3 * HOUR)
_ACLS = 8
_SOME_PURPOSES = (frozenset({"audit"}), frozenset({"audit", "support"}))

_entries = st.builds(
    Entry,
    st.sampled_from(("allow", "allow", "deny")),
    st.sampled_from((*KNOWN, "user:stranger")),
    st.sampled_from(_EXPIRIES),
)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """A directory of one tenant."""
    members = draw(
        st.sets(
            st.tuples(st.sampled_from(KNOWN[:-1]), st.sampled_from(GROUPS)).filter(
                lambda edge: edge[0] != edge[1]
            ),
            max_size=14,
        )
    )
    acls: dict[str, Acl] = {}
    for number in range(draw(st.integers(1, _ACLS))):
        name = f"acl-{number}"
        entries = draw(st.lists(_entries, max_size=4, unique_by=lambda e: (e.effect, e.principal)))
        acls[name] = Acl(
            name,
            draw(st.sampled_from((None, *acls))),
            draw(st.sampled_from((True, True, False))),
            tuple(entries),
            draw(st.sampled_from((frozenset(), frozenset(), *_SOME_PURPOSES))),
            draw(st.sampled_from((None, None, *KEEPERS))),
            draw(st.frozensets(st.sampled_from(SOURCES))),
        )
    disabled = draw(st.sets(st.sampled_from(KNOWN), max_size=2))
    closes_at = draw(st.dictionaries(st.sampled_from(KEEPERS), st.sampled_from(_CLOSINGS)))
    enabled = {p: p not in disabled for p in KNOWN}
    return Directory(enabled, frozenset(members), acls, closes_at)


def askers() -> st.SearchStrategy[Asker]:
    """Who may ask, with any token."""
    acls = st.sampled_from([f"acl-{number}" for number in range(_ACLS)])
    return st.builds(
        Asker,
        subject=st.sampled_from((*USERS, *STRANGERS)),
        actors=st.lists(st.sampled_from((*ACTORS, *STRANGERS)), max_size=2, unique=True).map(tuple),
        groups=st.frozensets(st.sampled_from(ASSERTED), max_size=2),
        groups_from=st.sampled_from(GroupsFrom).map(str),
        sources=st.none() | st.frozensets(st.sampled_from(SOURCES)),
        acls=st.none() | st.frozensets(acls, max_size=3),
        purpose=st.sampled_from((None, *PURPOSES)),
    )


def seeded(rng: random.Random) -> Directory:
    """The same kind of directory, drawn fast."""
    edges = [(member, group) for member in KNOWN[:-1] for group in GROUPS if member != group]
    acls: dict[str, Acl] = {}
    for number in range(_ACLS):
        entries = {
            (entry.effect, entry.principal): entry
            for entry in (
                Entry(
                    rng.choice(("allow", "allow", "deny")),
                    rng.choice((*KNOWN, "user:stranger")),
                    rng.choice(_EXPIRIES),
                )
                for _ in range(rng.randrange(4))
            )
        }
        name = f"acl-{number}"
        acls[name] = Acl(
            name,
            rng.choice((None, *acls)),
            rng.random() < 0.7,
            tuple(entries.values()),
            rng.choice((*[frozenset[str]()] * 6, *_SOME_PURPOSES)),
            rng.choice((None, None, None, None, *KEEPERS)),
            frozenset(rng.sample(SOURCES, rng.randrange(3))),
        )
    disabled = set(rng.sample(KNOWN, rng.randrange(3)))
    closes_at = {keeper: rng.choice(_CLOSINGS) for keeper in KEEPERS if rng.random() < 0.7}
    enabled = {p: p not in disabled for p in KNOWN}
    return Directory(enabled, frozenset(rng.sample(edges, 12)), acls, closes_at)


def seeded_asker(rng: random.Random) -> Asker:
    """The same kind of asker, drawn fast; half of them with nothing but a subject."""
    plain = Asker(rng.choice((*USERS, *USERS, STRANGERS[0])))
    if rng.random() < 0.5:
        return plain
    return replace(
        plain,
        actors=tuple(rng.sample(ACTORS, rng.randrange(3))),
        groups=frozenset(rng.sample(ASSERTED, rng.randrange(3))),
        groups_from=rng.choice([str(kind) for kind in GroupsFrom]),
        sources=rng.choice((None, frozenset(rng.sample(SOURCES, rng.randrange(3))))),
        acls=rng.choice((None, None, frozenset({f"acl-{rng.randrange(4)}", "acl-unknown"}))),
        purpose=rng.choice((None, None, *PURPOSES)),
    )


def caller_of(asker: Asker, tenant: str) -> Caller:
    """The caller a token makes of an asker."""
    return Caller(
        tenant,
        Principal.parse(asker.subject),
        tuple(Principal.parse(actor) for actor in asker.actors),
        groups=frozenset(Principal.parse(group) for group in asker.groups),
        groups_from=GroupsFrom(asker.groups_from),
        narrowing=Narrowing(asker.sources, asker.acls, asker.purpose),
    )


def write_down(database: Database, tenant: str, directory: Directory) -> None:
    """Store a directory row by row, past the functions that would check it. Ids are names."""
    ensure_tenant(database, tenant, now=NOON)
    mine = {"tenant": tenant}
    with database.write(tenant) as session:
        session.get_one(PrincipalRow, (tenant, str(EVERYONE))).enabled = directory.enabled[
            "everyone"
        ]
        session.execute(
            insert(PrincipalRow),
            [
                {**mine, "principal": principal, "enabled": enabled, "created_at": NOON}
                for principal, enabled in directory.enabled.items()
                if principal != "everyone"
            ],
        )
        members = [{**mine, "member": member, "grp": group} for member, group in directory.members]
        if members:
            session.execute(insert(MembershipRow), members)
        for table, values in _rows_of_acls(directory.acls.values()):
            if values:
                session.execute(insert(table), [{**mine, **row} for row in values])
        closing = [
            {**mine, "name": name, "max_age_seconds": 60, "closes_at": closes_at}
            for name, closes_at in directory.closes_at.items()
        ]
        if closing:
            session.execute(insert(AclSyncRow), closing)


def _rows_of_acls(acls: Collection[Acl]) -> Iterator[tuple[type, list[dict[str, object]]]]:
    for acl in acls:  # one by one: parents come first
        row = {"id": acl.name, "name": acl.name, "parent_id": acl.parent, "inherit": acl.inherit}
        yield AclRow, [{**row, "managed_by": acl.managed_by}]
    yield (
        AclEntryRow,
        [{"acl_id": acl.name, **asdict(entry)} for acl in acls for entry in acl.entries],
    )
    yield (
        AclPurposeRow,
        [{"acl_id": acl.name, "purpose": purpose} for acl in acls for purpose in acl.purposes],
    )
    yield (
        AclContentRow,
        [
            {"acl_id": acl.name, "source": source, "occurrences": 1, "content_hash": EMPTY}
            for acl in acls
            for source in acl.guards
        ],
    )
