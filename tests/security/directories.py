"""Random directories: drawn by Hypothesis or by a seed, and written down as rows.

Small on purpose: six groups, four callers and eight ACLs collide all the time, so that cycles,
denies, expiries and cut chains meet in the same example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from sqlalchemy import insert

from acl.directory import ensure_tenant
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow
from acl.principal import EVERYONE
from tests.security.reference import Acl, Directory, Entry
from tests.support.clock import HOUR, NOON

if TYPE_CHECKING:
    import random

    from acl.orm import Database

USERS = ("user:ann", "user:bob", "user:cid")
ACTORS = (None, "service:bot", "user:bob")
STRANGERS = ("user:stranger", "service:stranger")
GROUPS = tuple(f"group:{name}" for name in "abcdef")
KNOWN = (*USERS, "service:bot", *GROUPS, "everyone")
_EXPIRIES = (None, None, None, NOON - HOUR, NOON, NOON + HOUR)
_ACLS = 8

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
        parent = draw(st.sampled_from((None, *acls)))
        entries = draw(st.lists(_entries, max_size=4, unique_by=lambda e: (e.effect, e.principal)))
        name = f"acl-{number}"
        acls[name] = Acl(name, parent, draw(st.sampled_from((True, True, False))), tuple(entries))
    disabled = draw(st.sets(st.sampled_from(KNOWN), max_size=2))
    return Directory({p: p not in disabled for p in KNOWN}, frozenset(members), acls)


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
        parent = rng.choice((None, *acls))
        acls[name] = Acl(name, parent, rng.random() < 0.7, tuple(entries.values()))
    disabled = set(rng.sample(KNOWN, rng.randrange(3)))
    return Directory({p: p not in disabled for p in KNOWN}, frozenset(rng.sample(edges, 12)), acls)


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
        for acl in directory.acls.values():  # parents come first
            session.execute(
                insert(AclRow),
                [
                    {
                        **mine,
                        "id": acl.name,
                        "name": acl.name,
                        "parent_id": acl.parent,
                        "inherit": acl.inherit,
                    }
                ],
            )
        entries = [
            {
                **mine,
                "acl_id": acl.name,
                "effect": entry.effect,
                "principal": entry.principal,
                "expires_at": entry.expires_at,
            }
            for acl in directory.acls.values()
            for entry in acl.entries
        ]
        if entries:
            session.execute(insert(AclEntryRow), entries)
