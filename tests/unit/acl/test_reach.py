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
from acl.models import AclRow
from acl.principal import EVERYONE, Principal
from acl.resolve import resolve
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, caller

if TYPE_CHECKING:
    from acl.caller import Caller
    from acl.orm import Database
    from acl.scope import AccessScope

RIVAL = "rival"
ANN = Principal.parse("user:ann")
STAFF = Principal.parse("group:staff")
ALL = Principal.parse("group:all")
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
    denied = AclEntry(Effect.DENY, STAFF)
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
