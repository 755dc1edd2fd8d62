"""Plans: for each kind of change, who gains and who loses, near and far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from acl.admin.acls import acl_by_name, put_acl
from acl.admin.changes import AddMember, DropAcl, Grant, PutAcl, RemoveMember, Revoke, SetPrincipal
from acl.admin.directory import add_members, set_enabled
from acl.admin.plan import plan
from acl.admin.state import AclState
from acl.entries import AclEntry, Effect
from acl.models import AclContentRow, Tenant
from acl.principal import Principal
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from acl.admin.changes import Change
    from acl.admin.plan import Plan
    from acl.orm import Database

parse = Principal.parse
ANN, BOB, KIM, NEW = (parse(f"user:{name}") for name in ("ann", "bob", "kim", "new"))
INNER, OUTER = parse("group:inner"), parse("group:outer")
ALLOW, DENY = Effect.ALLOW, Effect.DENY


@pytest.fixture
def directory(catalogue: Database) -> Database:
    """ann is in inner, inner in outer; top allows outer, leaf inherits; all is for everyone."""
    with catalogue.write(TENANT) as session:
        edges = [(INNER, ANN), (OUTER, INNER), (parse("group:other"), BOB)]
        add_members(session, TENANT, edges, now=NOON)
        for name, parent, entries in (
            ("top", None, [AclEntry(ALLOW, OUTER), AclEntry(ALLOW, KIM, NOON + HOUR)]),
            ("leaf", "top", [AclEntry(DENY, KIM)]),
            ("apart", None, [AclEntry(ALLOW, BOB)]),
            ("all", None, [AclEntry(ALLOW, parse("everyone"))]),
        ):
            put_acl(session, TENANT, name, secret=SECRET, parent=parent, entries=entries, now=NOON)
        session.execute(
            insert(AclContentRow),
            [
                {
                    "tenant": TENANT,
                    "acl_id": acl_by_name(session, TENANT, "leaf").id,
                    "source": "wiki",
                    "occurrences": 1,
                    "content_hash": bytes(32),
                }
            ],
        )
    return catalogue


def planned(catalogue: Database, *changes: Change) -> Plan:
    with catalogue.write(TENANT) as session:
        return plan(session, TENANT, changes, secret=SECRET, now=NOON)


CASES: dict[str, tuple[list[Change], dict[str, tuple[set[str], set[str]]]]] = {
    "a member of a nested group leaves": (
        [RemoveMember(INNER, ANN)],
        {"top": (set(), {"user:ann"}), "leaf": (set(), {"user:ann"})},
    ),
    "a group leaves a group": (
        [RemoveMember(OUTER, INNER)],
        {"top": (set(), {"user:ann"}), "leaf": (set(), {"user:ann"})},
    ),
    "a known member joins a nested group": (
        [AddMember(INNER, BOB)],
        {"top": ({"user:bob"}, set()), "leaf": ({"user:bob"}, set())},
    ),
    "somebody new joins a group, and is one of everyone now": (
        [AddMember(INNER, NEW)],
        {name: ({"user:new"}, set()) for name in ("top", "leaf", "all")},
    ),
    "a group of others joins": (
        [AddMember(OUTER, parse("group:other"))],
        {"top": ({"user:bob"}, set()), "leaf": ({"user:bob"}, set())},
    ),
    "a person is switched off": (
        [SetPrincipal(ANN, False)],
        {name: (set(), {"user:ann"}) for name in ("top", "leaf", "all")},
    ),
    "somebody becomes known": ([SetPrincipal(NEW)], {"all": ({"user:new"}, set())}),
    "a group in between is switched off": (
        [SetPrincipal(INNER, False)],
        {name: (set(), {"user:ann"}) for name in ("top", "leaf")},
    ),
    "everyone is switched off": (
        [SetPrincipal(parse("everyone"), False)],
        {"all": (set(), {"user:ann", "user:bob", "user:kim"})},
    ),
    "a grant": (
        [Grant("top", AclEntry(ALLOW, BOB))],
        {"top": ({"user:bob"}, set()), "leaf": ({"user:bob"}, set())},
    ),
    "a grant to somebody new": (
        [Grant("leaf", AclEntry(ALLOW, NEW))],
        {"leaf": ({"user:new"}, set()), "all": ({"user:new"}, set())},
    ),
    "a grant that has expired": ([Grant("top", AclEntry(ALLOW, BOB, NOON))], {}),
    "a refusal": (
        [Grant("top", AclEntry(DENY, INNER))],
        {name: (set(), {"user:ann"}) for name in ("top", "leaf")},
    ),
    "a refusal taken back": ([Revoke("leaf", DENY, KIM)], {"leaf": ({"user:kim"}, set())}),
    "a grant taken back": (
        [Revoke("top", ALLOW, KIM)],
        {"top": (set(), {"user:kim"})},
    ),
    "an ACL cut off": (
        [PutAcl(AclState("leaf", "top", inherit=False))],
        {"leaf": (set(), {"user:ann"})},
    ),
    "an ACL moved": (
        [PutAcl(AclState("leaf", "apart"))],
        {"leaf": ({"user:bob"}, {"user:ann"})},
    ),
    "an ACL made under another": (
        [PutAcl(AclState("made", "top"))],
        {"made": ({"user:ann", "user:kim"}, set())},
    ),
    "an ACL removed": ([DropAcl("apart")], {"apart": (set(), {"user:bob"})}),
    "one replaced by another": (
        [AddMember(INNER, BOB), RemoveMember(INNER, ANN)],
        {name: ({"user:bob"}, {"user:ann"}) for name in ("top", "leaf")},
    ),
    "nothing": ([], {}),
    "what is so already": ([AddMember(INNER, ANN), Grant("top", AclEntry(ALLOW, OUTER))], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_who_gains_and_who_loses_is_told_for_every_acl(directory: Database, case: str) -> None:
    changes, expected = CASES[case]
    made = planned(directory, *changes)
    assert {s.acl: (set(s.gains), set(s.loses)) for s in made.shifts} == expected


def test_acls_that_guard_documents_come_first_and_are_marked(directory: Database) -> None:
    shifts = planned(directory, SetPrincipal(ANN, False)).shifts
    assert [(shift.acl, shift.guards) for shift in shifts] == [
        ("leaf", True),
        ("all", False),
        ("top", False),
    ]


def test_only_what_the_change_can_touch_is_looked_at(directory: Database) -> None:
    assert planned(directory, AddMember(INNER, BOB)).touched == 3, "apart names bob; all does not"
    assert planned(directory, Revoke("leaf", DENY, KIM)).touched == 1


def test_a_plan_does_not_keep_the_version_from_moving_with_the_next_change(
    directory: Database,
) -> None:
    with directory.write(TENANT) as session:
        before = session.get_one(Tenant, TENANT).acl_version
        plan(session, TENANT, [SetPrincipal(NEW)], secret=SECRET, now=NOON)
        assert set_enabled(session, TENANT, ANN, enabled=False)
        assert set_enabled(session, TENANT, BOB, enabled=False)
    with directory.read(TENANT) as session:
        assert session.get_one(Tenant, TENANT).acl_version == before + 1
