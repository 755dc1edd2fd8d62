"""What the statements of the decision say by themselves, without the guard of the session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl import reach
from acl.admin.acls import put_acl
from acl.admin.directory import add_member, ensure_principal, ensure_tenant
from acl.admin.freshness import confirm, limit_age
from acl.caller import GroupsFrom, Narrowing
from acl.content import Delta, Guarded, change_content
from acl.entries import AclEntry, Effect
from acl.models import AclRow, PrincipalRow
from acl.principal import EVERYONE, Principal
from acl.resolve import resolve
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, caller

if TYPE_CHECKING:
    from datetime import datetime

    from acl.caller import Caller
    from acl.orm import Database
    from acl.scope import AccessScope

RIVAL = "rival"
ANN = Principal.parse("user:ann")
STAFF = Principal.parse("group:staff")
ALL = Principal.parse("group:all")
GUESTS = Principal.parse("group:guests")
LATER = NOON + HOUR
CLAIMED = replace(caller("user:ann"), groups=frozenset({STAFF}), groups_from=GroupsFrom.BOTH)


def _put(database: Database, tenant: str, name: str, *entries: AclEntry, **given: object) -> None:
    with database.write(tenant) as session:
        acl_id, _ = put_acl(
            session, tenant, name, secret=SECRET, entries=entries, now=NOON, **given
        )
        change_content(session, tenant, {Guarded(acl_id, "wiki"): Delta(1, 1)})


@pytest.fixture
def two_tenants(catalogue: Database) -> Database:
    """The same names in both; in ours nobody is admitted by them, in the other Ann is."""
    ensure_tenant(catalogue, RIVAL, now=NOON)
    for tenant in (TENANT, RIVAL):
        with catalogue.write(tenant) as session:
            for principal in (ANN, STAFF, ALL):
                ensure_principal(session, tenant, principal, now=NOON)
    with catalogue.write(RIVAL) as session:
        add_member(session, RIVAL, STAFF, ANN, now=NOON)
        add_member(session, RIVAL, ALL, STAFF, now=NOON)
        ensure_principal(session, RIVAL, EVERYONE, now=NOON)
    for number, principal in enumerate((ANN, STAFF, ALL, EVERYONE)):
        name = f"of-{number}"
        _put(catalogue, TENANT, name, AclEntry(Effect.ALLOW, Principal.parse("user:bob")))
        expiring = AclEntry(Effect.ALLOW, principal, expires_at=NOON + HOUR)
        _put(catalogue, RIVAL, name, expiring)
    return catalogue


def _decided(session: object, who: Caller) -> AccessScope:
    return resolve(session, who, now=NOON)  # type: ignore[arg-type] # a session, guarded or not


@pytest.mark.parametrize("who", [caller("user:ann"), CLAIMED])
@pytest.mark.parametrize("acls", [None, frozenset({"of-0", "of-1", "of-2"})])
def test_a_foreign_tenant_admits_to_nothing_even_where_the_session_is_not_guarded(
    two_tenants: Database, who: Caller, acls: frozenset[str] | None
) -> None:
    who = replace(who, narrowing=Narrowing(acls=acls))
    with two_tenants.unguarded("the statements alone are looked at") as session:
        ours = _decided(session, who)
        theirs = _decided(session, replace(who, tenant=RIVAL))
    assert not ours.acl_ids
    assert ours.valid_until is None
    assert len(theirs.acl_ids) == (4 if acls is None else 3)
    assert theirs.valid_until == NOON + HOUR


def test_a_foreign_tenant_refuses_and_closes_nothing_either(two_tenants: Database) -> None:
    denied = AclEntry(Effect.DENY, STAFF, expires_at=LATER)
    _put(two_tenants, RIVAL, "of-1", denied)
    _put(two_tenants, TENANT, "open", AclEntry(Effect.ALLOW, ANN), managed_by="share")
    with two_tenants.write(RIVAL) as session:
        limit_age(session, RIVAL, "share", max_age_seconds=60, now=NOON - HOUR)
    with two_tenants.unguarded("the statements alone are looked at") as session:
        ours = _decided(session, CLAIMED)
        opened = session.scalars(
            select(AclRow.id).where(AclRow.tenant == TENANT, AclRow.name == "open")
        ).one()
    assert ours.acl_ids == {opened}
    assert not ours.closed
    assert ours.valid_until is None


def test_nobody_is_known_by_being_known_in_a_foreign_tenant(two_tenants: Database) -> None:
    eve = Principal.parse("user:eve")
    with two_tenants.write(RIVAL) as session:
        ensure_principal(session, RIVAL, eve, now=NOON)
        ensure_principal(session, RIVAL, GUESTS, now=NOON)
    with two_tenants.write(TENANT) as session:
        ensure_principal(session, TENANT, EVERYONE, now=NOON)
    _put(two_tenants, TENANT, "open", AclEntry(Effect.ALLOW, EVERYONE))
    _put(two_tenants, TENANT, "for guests", AclEntry(Effect.ALLOW, GUESTS))
    with two_tenants.write(TENANT) as session:
        # An entry makes known whom it names; here they are forgotten again.
        session.delete(session.get_one(PrincipalRow, (TENANT, str(GUESTS))))
    guest = replace(CLAIMED, groups=frozenset({GUESTS}))
    with two_tenants.unguarded("the statements alone are looked at") as session:
        for stranger in (caller("user:eve"), replace(guest, subject=eve)):
            assert not _decided(session, stranger).acl_ids
        assert len(_decided(session, guest).acl_ids) == 1  # what is open, by being Ann


def test_what_is_too_old_closes_what_its_own_keeper_keeps_and_nothing_else(
    two_tenants: Database,
) -> None:
    for keeper in ("old", "share"):
        _put(two_tenants, TENANT, f"of {keeper}", AclEntry(Effect.ALLOW, ANN), managed_by=keeper)
    for tenant, keeper, age in (
        (TENANT, "old", 60),
        (TENANT, "share", 7_200),
        (RIVAL, "share", 60),
    ):
        with two_tenants.write(tenant) as session:
            limit_age(session, tenant, keeper, max_age_seconds=age, now=NOON - HOUR)
            confirm(session, tenant, keeper, now=NOON - HOUR)
    with two_tenants.unguarded("the statements alone are looked at") as session:
        ours = _decided(session, caller("user:ann"))
        names = select(AclRow.name).where(AclRow.tenant == TENANT, AclRow.id.in_(ours.acl_ids))
        assert session.scalars(names).all() == ["of share"]
    assert ours.closed == {"old"}


def test_who_is_in_a_group_and_whether_it_is_on_is_a_tenant_s_own(two_tenants: Database) -> None:
    for principal in (STAFF, ALL, EVERYONE):
        _put(two_tenants, TENANT, f"for {principal.id}", AclEntry(Effect.ALLOW, principal))
    with two_tenants.write(TENANT) as session:
        add_member(session, TENANT, ALL, ANN, now=NOON)
        for switched_off in (ALL, EVERYONE):
            row = session.get_one(PrincipalRow, (TENANT, str(switched_off)))
            row.enabled = False
    with two_tenants.unguarded("the statements alone are looked at") as session:
        # In the other tenant she is staff, and all of these are switched on.
        assert not _decided(session, caller("user:ann")).acl_ids


def test_what_a_stranger_s_token_says_is_not_even_looked_up(catalogue: Database) -> None:
    expiring = AclEntry(Effect.DENY, STAFF, expires_at=LATER)
    _put(catalogue, TENANT, "plans", AclEntry(Effect.ALLOW, EVERYONE), expiring)
    with catalogue.read(TENANT) as session:
        assert _decided(session, CLAIMED).valid_until is None
    with catalogue.write(TENANT) as session:
        ensure_principal(session, TENANT, ANN, now=NOON)
    with catalogue.read(TENANT) as session:
        assert _decided(session, CLAIMED).valid_until == LATER


def test_below_a_name_is_what_is_below_it_in_one_tenant(two_tenants: Database) -> None:
    with two_tenants.unguarded("the statements alone are looked at") as session:
        for tenant in (TENANT, RIVAL):
            wanted = select(AclRow.id).where(AclRow.tenant == tenant, AclRow.name == "of-0")
            assert reach.below(session, tenant, ["of-0"]) == {session.scalars(wanted).one()}


def test_acls_are_too_old_from_the_very_instant_and_not_before(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        for name, minutes in (("soon", 1), ("later", 2), ("last", 3)):
            limit_age(session, TENANT, name, max_age_seconds=60 * minutes, now=NOON)
            confirm(session, TENANT, name, now=NOON)
    minute = HOUR / 60
    with catalogue.read(TENANT) as session:
        assert reach.outdated(session, TENANT, NOON) == ([], NOON + minute)
        assert reach.outdated(session, TENANT, NOON + minute) == (["soon"], NOON + 2 * minute)
        names, ahead = reach.outdated(session, TENANT, NOON + 3 * minute)
    assert (sorted(names), ahead) == (["last", "later", "soon"], None)


def test_only_a_tenant_s_own_acls_are_too_old(two_tenants: Database) -> None:
    with two_tenants.write(RIVAL) as session:
        limit_age(session, RIVAL, "share", max_age_seconds=60, now=NOON)
    with two_tenants.unguarded("the statements alone are looked at") as session:
        assert reach.outdated(session, TENANT, NOON) == ([], None)
        assert reach.outdated(session, RIVAL, NOON) == (["share"], None)


@pytest.fixture
def claims(catalogue: Database) -> Database:
    """Ann is in 'staff', which is in 'all'; so are 'guests', for whom a token may vouch."""
    with catalogue.write(TENANT) as session:
        for principal in (ANN, STAFF, ALL, GUESTS, EVERYONE):
            ensure_principal(session, TENANT, principal, now=NOON)
        for group, member in ((STAFF, ANN), (ALL, STAFF), (ALL, GUESTS)):
            add_member(session, TENANT, group, member, now=NOON)
    for name, principal in (("ann", ANN), ("staff", STAFF), ("all", ALL), ("guests", GUESTS)):
        _put(catalogue, TENANT, name, AclEntry(Effect.ALLOW, principal))
    return catalogue


def _names(database: Database, who: Caller, *, now: datetime = NOON) -> set[str]:
    with database.read(TENANT) as session:
        seen = resolve(session, who, now=now).acl_ids
        return set(session.scalars(select(AclRow.name).where(AclRow.id.in_(seen))))


def _claiming(origin: GroupsFrom, *groups: Principal) -> Caller:
    return replace(caller("user:ann"), groups=frozenset(groups), groups_from=origin)


@pytest.mark.parametrize(
    ("origin", "groups", "seen"),
    [
        (GroupsFrom.DIRECTORY, (GUESTS,), {"ann", "staff", "all"}),
        (GroupsFrom.CLAIM, (GUESTS,), {"ann", "guests", "all"}),
        (GroupsFrom.CLAIM, (), {"ann"}),
        (GroupsFrom.BOTH, (GUESTS,), {"ann", "staff", "guests", "all"}),
        (GroupsFrom.BOTH, (), {"ann", "staff", "all"}),
        (GroupsFrom.CLAIM, (Principal.parse("group:unheard-of"),), {"ann"}),
    ],
)
def test_groups_count_from_where_they_are_said_to_come(
    claims: Database, origin: GroupsFrom, groups: tuple[Principal, ...], seen: set[str]
) -> None:
    assert _names(claims, _claiming(origin, *groups)) == seen


def test_whoever_is_switched_off_is_in_no_group_whatever_the_token_says(claims: Database) -> None:
    _put(claims, TENANT, "public", AclEntry(Effect.ALLOW, EVERYONE))
    assert "public" in _names(claims, _claiming(GroupsFrom.BOTH, GUESTS))
    with claims.write(TENANT) as session:
        session.get_one(PrincipalRow, (TENANT, str(ANN))).enabled = False
    assert _names(claims, _claiming(GroupsFrom.BOTH, GUESTS)) == set()
    assert _names(claims, caller("user:nobody")) == set()


def test_what_a_disabled_group_admits_to_is_gone_and_what_it_refuses_is_not(
    claims: Database,
) -> None:
    both = (AclEntry(Effect.ALLOW, ANN), AclEntry(Effect.DENY, ALL))
    _put(claims, TENANT, "refused", *both)
    for disabled in (STAFF, GUESTS):
        with claims.write(TENANT) as session:
            session.get_one(PrincipalRow, (TENANT, str(disabled))).enabled = False
    assert _names(claims, caller("user:ann")) == {"ann"}
    assert _names(claims, _claiming(GroupsFrom.CLAIM, GUESTS)) == {"ann"}


def test_everyone_can_be_switched_off(claims: Database) -> None:
    _put(claims, TENANT, "public", AclEntry(Effect.ALLOW, EVERYONE))
    assert "public" in _names(claims, caller("user:ann"))
    with claims.write(TENANT) as session:
        session.get_one(PrincipalRow, (TENANT, str(EVERYONE))).enabled = False
    assert "public" not in _names(claims, caller("user:ann"))


def test_a_group_that_only_the_token_knows_can_be_refused_until_the_entry_expires(
    claims: Database,
) -> None:
    stranger = Principal.parse("group:unheard-of")
    _put(claims, TENANT, "ann", AclEntry(Effect.ALLOW, ANN), AclEntry(Effect.DENY, stranger, LATER))
    _put(claims, TENANT, "strange", AclEntry(Effect.ALLOW, stranger))
    with claims.write(TENANT) as session:
        session.delete(session.get_one(PrincipalRow, (TENANT, str(stranger))))
    who = _claiming(GroupsFrom.CLAIM, stranger)
    assert _names(claims, who) == set()
    assert _names(claims, who, now=LATER) == {"ann"}
    with claims.read(TENANT) as session:
        assert resolve(session, who, now=NOON).valid_until == LATER


def test_a_purpose_takes_away_the_acls_that_state_others(claims: Database) -> None:
    _put(claims, TENANT, "ann", AclEntry(Effect.ALLOW, ANN), purposes=["audit", "fraud"])
    _put(claims, TENANT, "staff", AclEntry(Effect.ALLOW, STAFF), purposes=["fraud"])
    for purpose, seen in (
        (None, {"ann", "staff", "all"}),
        ("fraud", {"ann", "staff", "all"}),
        ("audit", {"ann", "all"}),
        ("marketing", {"all"}),
    ):
        who = replace(caller("user:ann"), narrowing=Narrowing(purpose=purpose))
        assert _names(claims, who) == seen


def test_what_inherits_is_reached_closed_and_named_with_what_it_is_below(claims: Database) -> None:
    allow = AclEntry(Effect.ALLOW, ANN)
    _put(claims, TENANT, "top", allow, managed_by="share")
    _put(claims, TENANT, "middle", parent="top")
    _put(claims, TENANT, "own", parent="middle", inherit=False)
    assert _names(claims, caller("user:ann")) == {"ann", "staff", "all", "top", "middle"}
    below = replace(caller("user:ann"), narrowing=Narrowing(acls=frozenset({"top"})))
    assert _names(claims, below) == {"top", "middle"}
    with claims.write(TENANT) as session:
        limit_age(session, TENANT, "share", max_age_seconds=60, now=NOON)
        confirm(session, TENANT, "share", now=NOON)
    assert _names(claims, below, now=NOON) == {"top", "middle"}
    with claims.read(TENANT) as session:
        assert resolve(session, below, now=NOON).valid_until == NOON + HOUR / 60
        late = resolve(session, below, now=NOON + HOUR / 60)
        elsewhere = replace(below, narrowing=Narrowing(sources=frozenset({"mail"})))
        assert resolve(session, elsewhere, now=NOON + HOUR).closed == frozenset()
    assert (late.acl_ids, late.closed) == (frozenset(), {"share"})
