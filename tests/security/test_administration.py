"""What administering a tenant promises, one promise a test.

A change is whole or not made; it is planned exactly; two administrators never undo one another
unseen; every change is on record, in its own transaction; and no tenant touches another.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from acl.admin.administration import Administration, Administrator, administering
from acl.admin.changes import AddMember, DropAcl, Grant, PutAcl, RemoveMember, Revoke, SetPrincipal
from acl.admin.directory import ensure_tenant
from acl.admin.plan import carry_out, plan
from acl.admin.policy import policy_of
from acl.admin.policy_file import read_policy
from acl.admin.state import AclState
from acl.admin.sync_file import read_listing
from acl.audit.models import AuditRow
from acl.caller import Caller, Narrowing
from acl.entries import AclEntry, Effect
from acl.errors import (
    AclError,
    AuditError,
    EscalationError,
    InvalidAclError,
    NotFoundError,
)
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow, Tenant
from acl.principal import Principal
from acl.resolve import resolve
from acl.seal import require_current
from tests.security.directories import KNOWN, USERS, directories, write_down
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from acl.admin.changes import Change
    from acl.admin.plan import Plan
    from acl.orm import Database
    from tests.security.reference import Directory

parse = Principal.parse
ROOT = Administrator("user:root key-1")
PEOPLE = [name for name in (*KNOWN, "user:new") if name.startswith(("user:", "service:"))]
_TENANTS = (f"tenant-{number}" for number in itertools.count())


@pytest.fixture
def tenant(shared_catalogue: Database) -> str:
    """A tenant with one ACL, one group and two people."""
    name = next(_TENANTS)
    ensure_tenant(shared_catalogue, name, now=NOON)
    with changing(shared_catalogue, name) as root:
        root.put_acl(AclState("top", entries=frozenset({allow("group:staff")})))
        root.add_member(parse("group:staff"), parse("user:ann"))
    return name


def allow(principal: str) -> AclEntry:
    return AclEntry(Effect.ALLOW, parse(principal))


def changing(shared_catalogue: Database, tenant: str) -> AbstractContextManager[Administration]:
    return administering(shared_catalogue, tenant, ROOT, secret=SECRET, now=NOON)


def snapshot(shared_catalogue: Database, tenant: str) -> dict[str, Any]:
    """Everything of a tenant that administration can change."""
    with shared_catalogue.read(tenant) as session:
        return {
            model.__tablename__: sorted(
                repr({column.key: getattr(row, column.key) for column in model.__table__.columns})
                for row in session.scalars(select(model))
            )
            for model in (PrincipalRow, MembershipRow, AclRow, AclEntryRow, AuditRow)
        } | {"version": session.get_one(Tenant, tenant).acl_version}


def seen_by(shared_catalogue: Database, tenant: str) -> dict[str, set[str]]:
    """By the decision itself: for every ACL, who sees it."""
    found: dict[str, set[str]] = {}
    with shared_catalogue.read(tenant) as session:
        for row in session.scalars(select(AclRow)):
            found[row.name] = set()
        names = {row.id: row.name for row in session.scalars(select(AclRow))}
        for person in PEOPLE:
            scope = resolve(session, Caller(tenant, parse(person)), now=NOON)
            for acl_id in scope.acl_ids:
                found[names[acl_id]].add(person)
    return found


# What is planned is what happens.

_PRINCIPALS = st.sampled_from((*KNOWN[:-1], "user:new"))
_GROUPS = st.sampled_from([name for name in KNOWN if name.startswith("group:")])
_MEMBERS = st.sampled_from((*KNOWN[:-1], "user:new"))
_ACLS = st.sampled_from([f"acl-{number}" for number in range(5)] + ["acl-new"])
_ENTRIES = st.builds(
    AclEntry,
    st.sampled_from(Effect),
    st.sampled_from((*KNOWN, "user:new")).map(parse),
    st.sampled_from([None, NOON, NOON + HOUR]),
)


@st.composite
def _states(draw: st.DrawFn) -> AclState:
    entries = draw(
        st.lists(_ENTRIES, max_size=3, unique_by=lambda entry: (entry.effect, entry.principal))
    )
    return AclState(
        draw(_ACLS), draw(st.none() | _ACLS), draw(st.booleans()), entries=frozenset(entries)
    )


_CHANGES = st.one_of(
    st.builds(SetPrincipal, st.sampled_from((*KNOWN, "user:new")).map(parse), st.booleans()),
    st.builds(AddMember, _GROUPS.map(parse), _MEMBERS.map(parse)),
    st.builds(RemoveMember, _GROUPS.map(parse), _MEMBERS.map(parse)),
    st.builds(PutAcl, _states()),
    st.builds(DropAcl, _ACLS),
    st.builds(Grant, _ACLS, _ENTRIES),
    st.builds(Revoke, _ACLS, st.sampled_from(Effect), _PRINCIPALS.map(parse)),
)


def attempt(do: Callable[[], Plan]) -> Plan | str:
    try:
        return do()
    except AclError as error:
        return str(error)


@st.composite
def _changed(draw: st.DrawFn) -> tuple[Directory, list[Change]]:
    """A directory, and changes that often meet something in it."""
    # A plan is about the directory, and not about the day on which its ACLs grow too old.
    directory = replace(draw(directories()), closes_at={})
    near: list[st.SearchStrategy[Change]] = [_CHANGES]
    if directory.members:
        edges = st.sampled_from(sorted(directory.members))
        near.append(edges.map(lambda edge: RemoveMember(parse(edge[1]), parse(edge[0]))))
    entries = [(acl.name, entry) for acl in directory.acls.values() for entry in acl.entries]
    if entries:
        held = st.sampled_from(entries)
        near += [
            held.map(lambda one: Revoke(one[0], Effect(one[1].effect), parse(one[1].principal))),
            st.builds(
                lambda one, who: AddMember(parse(one[1].principal), parse(who)),
                held.filter(lambda one: one[1].principal.startswith("group:")),
                _MEMBERS,
            )
            if any(entry.principal.startswith("group:") for _, entry in entries)
            else _CHANGES,
        ]
    return directory, draw(st.lists(st.one_of(near), min_size=1, max_size=3))


@given(scene=_changed())
def test_a_plan_is_exactly_what_then_happens_and_changes_nothing_itself(
    shared_catalogue: Database, scene: tuple[Directory, list[Change]]
) -> None:
    directory, changes = scene
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    before, was = snapshot(shared_catalogue, tenant), seen_by(shared_catalogue, tenant)

    def planned() -> Plan:
        with shared_catalogue.write(tenant) as session:
            return plan(session, tenant, changes, secret=SECRET, now=NOON)

    def made() -> Plan:
        with shared_catalogue.write(tenant) as session:
            return carry_out(session, tenant, changes, secret=SECRET, now=NOON)

    said = attempt(planned)
    assert snapshot(shared_catalogue, tenant) == before
    assert attempt(made) == said
    if isinstance(said, str):
        assert snapshot(shared_catalogue, tenant) == before, "a refused change left something"
        return
    now = seen_by(shared_catalogue, tenant)
    shifts = {shift.acl: (set(shift.gains), set(shift.loses)) for shift in said.shifts}
    for name in was.keys() | now.keys():
        had, has = was.get(name, set()), now.get(name, set())
        assert shifts.get(name, (set(), set())) == (has - had, had - has), name


# Nothing is applied in part.


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.put_acl(AclState("leaf", "nowhere")),
        lambda root: root.put_acl(AclState("top", "top")),
        lambda root: root.grant("nowhere", allow("user:x")),
        lambda root: root.delete_acl("nowhere"),
        lambda root: root.add_member(parse("user:x"), parse("user:y")),
        lambda root: root.add_member(parse("group:x"), parse("everyone")),
        lambda root: root.apply(
            read_policy(b"groups: {group:x: [user:x]}\nacls: {a: {parent: no}}", file="f")
        ),
    ],
)
def test_a_refused_change_takes_all_of_its_transaction_with_it(
    shared_catalogue: Database, tenant: str, change: Callable[[Administration], object]
) -> None:
    def several() -> None:
        with changing(shared_catalogue, tenant) as root:
            root.add_member(parse("group:staff"), parse("user:bob"))
            root.put_acl(AclState("another"))
            change(root)

    before = snapshot(shared_catalogue, tenant)
    with pytest.raises((InvalidAclError, NotFoundError)):
        several()
    assert snapshot(shared_catalogue, tenant) == before


def test_a_change_that_cannot_be_recorded_is_not_made(
    shared_catalogue: Database, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> int:
        raise AuditError("the disk is full")

    before = snapshot(shared_catalogue, tenant)
    monkeypatch.setattr("acl.admin.administration.administered", fails)
    with pytest.raises(AuditError), changing(shared_catalogue, tenant) as root:
        root.grant("top", allow("user:bob"))
    assert snapshot(shared_catalogue, tenant) == before


# Every write is on record.

WRITES: dict[str, Callable[[Administration], object]] = {
    "acl.put": lambda root: root.put_acl(AclState("made")),
    "acl.grant": lambda root: root.grant("top", allow("user:bob")),
    "acl.revoke": lambda root: root.revoke("top", Effect.ALLOW, parse("group:staff")),
    "acl.delete": lambda root: root.delete_acl("top"),
    "member.add": lambda root: root.add_member(parse("group:staff"), parse("user:bob")),
    "member.remove": lambda root: root.remove_member(parse("group:staff"), parse("user:ann")),
    "principal.enable": lambda root: root.put_principal(parse("user:kim"), enabled=True),
    "principal.disable": lambda root: root.put_principal(parse("user:ann"), enabled=False),
    "acl.apply": lambda root: root.apply(read_policy(b"acls: {made: {}}", file="f")),
    "directory.sync": lambda root: root.sync(
        "okta", read_listing(b'{"users": [{"id": "kim"}]}', file="f"), confirm_removals=False
    ),
}


@pytest.mark.parametrize("kind", WRITES)
def test_every_write_is_on_record_with_who_made_it_and_moves_the_version_once(
    shared_catalogue: Database, tenant: str, kind: str
) -> None:
    before = snapshot(shared_catalogue, tenant)
    with changing(shared_catalogue, tenant) as root:
        WRITES[kind](root)
        token = root.token()
    after = snapshot(shared_catalogue, tenant)
    assert len(after["audit_log"]) == len(before["audit_log"]) + 1
    with shared_catalogue.read(tenant) as session:
        row = session.scalars(select(AuditRow).order_by(AuditRow.seq.desc())).first()
        assert row is not None
        assert (row.kind, row.stream) == (kind, "administration")
        body = json.loads(row.body)
    assert body["actor"] == ROOT.actor
    assert body["changed"] is True
    assert after["version"] == before["version"] + 1
    require_current(SECRET, tenant, token, acl_version=after["version"])
    with pytest.raises(AclError):
        require_current(SECRET, tenant, token, acl_version=before["version"])


def test_there_is_a_promise_for_every_write_there_is() -> None:
    writes = {
        name
        for name, member in vars(Administration).items()
        if callable(member) and not name.startswith("_")
    }
    assert writes - {"token"} == {
        "put_acl",
        "grant",
        "revoke",
        "delete_acl",
        "add_member",
        "remove_member",
        "put_principal",
        "apply",
        "sync",
    }


# Nobody administers beyond what they are.


@pytest.mark.parametrize(
    "bound",
    [
        Caller(TENANT, parse("user:root"), (parse("service:bot"),)),
        Caller(TENANT, parse("user:root"), narrowing=Narrowing(purpose="audit")),
        Caller(TENANT, parse("user:root"), narrowing=Narrowing(sources=frozenset({"wiki"}))),
    ],
)
def test_a_delegated_or_narrowed_token_administers_nothing(bound: Caller) -> None:
    with pytest.raises(EscalationError):
        Administrator.by(bound)
    assert Administrator.by(Caller(TENANT, parse("user:root"), via="key-1")) == ROOT


@pytest.mark.parametrize("kind", WRITES)
def test_no_change_of_one_tenant_touches_another(
    shared_catalogue: Database, tenant: str, kind: str
) -> None:
    other = next(_TENANTS)
    ensure_tenant(shared_catalogue, other, now=NOON)
    with changing(shared_catalogue, other) as root:
        root.put_acl(AclState("top", entries=frozenset({allow("group:staff")})))
        root.add_member(parse("group:staff"), parse("user:ann"))
    before = snapshot(shared_catalogue, other)
    with changing(shared_catalogue, tenant) as root:
        WRITES[kind](root)
    assert snapshot(shared_catalogue, other) == before


def test_a_tenant_that_does_not_exist_is_not_made_by_administering_it(
    shared_catalogue: Database,
) -> None:
    with pytest.raises(NotFoundError), changing(shared_catalogue, "nowhere") as root:
        root.put_acl(AclState("made"))


def test_what_is_exported_names_nobody_of_another_tenant(
    shared_catalogue: Database, tenant: str
) -> None:
    other = next(_TENANTS)
    ensure_tenant(shared_catalogue, other, now=NOON)
    with changing(shared_catalogue, other) as root:
        root.add_member(parse("group:theirs"), parse("user:theirs"))
        root.put_acl(AclState("theirs"))
    with shared_catalogue.read(tenant) as session:
        mine = policy_of(session, tenant)
    assert "theirs" not in repr(mine)
    assert USERS[0] in repr([str(who) for members in mine.groups.values() for who in members])
