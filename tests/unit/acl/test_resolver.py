"""The resolver's cache: quicker than the decision, never of another opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, update

from acl.admin.acls import grant, put_acl, revoke
from acl.admin.directory import add_member, ensure_principal, ensure_tenant
from acl.content import Delta, Guarded, change_content
from acl.entries import AclEntry, Effect
from acl.errors import NotFoundError, ScopeTooLargeError, TenantDisabledError
from acl.models import Tenant
from acl.principal import Principal
from acl.resolver import Resolved, Resolver
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, caller

if TYPE_CHECKING:
    from datetime import datetime

    from acl.orm import Database

ANN = caller("user:ann")
USER = ANN.subject
STAFF = Principal.parse("group:staff")
ALLOW = AclEntry(Effect.ALLOW, USER)


@pytest.fixture
def resolver() -> Resolver:
    """A resolver that remembers two callers."""
    return Resolver(SECRET, size=2, max_acls=3)


def _acl(catalogue: Database, name: str, *entries: AclEntry, chunks: int = 0) -> str:
    with catalogue.write(TENANT) as session:
        acl_id, _ = put_acl(session, TENANT, name, secret=SECRET, entries=entries, now=NOON)
        if chunks:
            change_content(session, TENANT, {Guarded(acl_id, "wiki"): Delta(chunks, 1)})
    return acl_id


def _resolve(
    catalogue: Database, resolver: Resolver, who: str = "user:ann", now: datetime = NOON
) -> Resolved:
    with catalogue.read(TENANT) as session:
        return resolver.resolve(session, caller(who), now=now)


def _statements(catalogue: Database, resolver: Resolver) -> int:
    count = 0

    def counted(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal count
        count += not statement.startswith("BEGIN")

    event.listen(catalogue.reader, "before_cursor_execute", counted)
    try:
        _resolve(catalogue, resolver)
    finally:
        event.remove(catalogue.reader, "before_cursor_execute", counted)
    return count


def test_when_nothing_changed_a_query_costs_one_read(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    assert _statements(catalogue, resolver) > 1
    assert _statements(catalogue, resolver) == 1
    assert _resolve(catalogue, resolver) is _resolve(catalogue, resolver)


def test_a_revocation_is_seen_at_once(catalogue: Database, resolver: Resolver) -> None:
    acl_id = _acl(catalogue, "a", ALLOW)
    assert _resolve(catalogue, resolver).scope.acl_ids == {acl_id}
    with catalogue.write(TENANT) as session:
        revoke(session, TENANT, "a", Effect.ALLOW, USER)
    assert _resolve(catalogue, resolver).scope.empty


def test_joining_a_group_is_seen_at_once(catalogue: Database, resolver: Resolver) -> None:
    acl_id = _acl(catalogue, "a", AclEntry(Effect.ALLOW, STAFF))
    with catalogue.write(TENANT) as session:
        ensure_principal(session, TENANT, USER, now=NOON)
    assert _resolve(catalogue, resolver).scope.empty
    with catalogue.write(TENANT) as session:
        add_member(session, TENANT, STAFF, USER, now=NOON)
    assert _resolve(catalogue, resolver).scope.acl_ids == {acl_id}


def test_expiry_bounds_what_is_remembered(catalogue: Database, resolver: Resolver) -> None:
    _acl(catalogue, "a", AclEntry(Effect.ALLOW, USER, NOON + HOUR))
    assert _resolve(catalogue, resolver).scope.valid_until == NOON + HOUR
    assert not _resolve(catalogue, resolver).scope.empty
    assert _resolve(catalogue, resolver, now=NOON + HOUR).scope.empty


def test_an_expiring_deny_bounds_it_too(catalogue: Database, resolver: Resolver) -> None:
    acl_id = _acl(catalogue, "a", ALLOW, AclEntry(Effect.DENY, USER, NOON + HOUR))
    assert _resolve(catalogue, resolver).scope.empty
    assert _resolve(catalogue, resolver, now=NOON + HOUR).scope.acl_ids == {acl_id}


def test_what_one_caller_sees_is_not_remembered_for_another(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    with catalogue.write(TENANT) as session:
        ensure_principal(session, TENANT, Principal.parse("user:bob"), now=NOON)
    assert not _resolve(catalogue, resolver).scope.empty
    assert _resolve(catalogue, resolver, "user:bob").scope.empty
    assert _resolve(catalogue, resolver, "user:cid").scope.empty
    assert not _resolve(catalogue, resolver).scope.empty


def test_content_moves_the_view_and_only_a_visible_acl_s(
    catalogue: Database, resolver: Resolver
) -> None:
    mine, theirs = _acl(catalogue, "a", ALLOW, chunks=1), _acl(catalogue, "b", chunks=1)
    first = _resolve(catalogue, resolver).view

    def touch(acl_id: str) -> None:
        with catalogue.write(TENANT) as session:
            change_content(session, TENANT, {Guarded(acl_id, "wiki"): Delta(1, 2)})
            session.execute(
                update(Tenant)
                .where(Tenant.name == TENANT)
                .values(content_version=Tenant.content_version + 1)
            )

    touch(theirs)
    assert _resolve(catalogue, resolver).view == first
    touch(mine)
    assert _resolve(catalogue, resolver).view != first
    assert _resolve(catalogue, resolver).view.occurrences == 2


def test_an_empty_acl_leaves_no_trace_in_the_view(catalogue: Database, resolver: Resolver) -> None:
    _acl(catalogue, "a", ALLOW, chunks=1)
    first = _resolve(catalogue, resolver).view
    _acl(catalogue, "b", ALLOW)
    assert len(_resolve(catalogue, resolver).scope.acl_ids) == 2
    assert _resolve(catalogue, resolver).view == first


def test_a_view_that_is_too_large_is_an_error_and_never_cut(
    catalogue: Database, resolver: Resolver
) -> None:
    for name in "abc":
        _acl(catalogue, name, ALLOW)
    assert len(_resolve(catalogue, resolver).scope.acl_ids) == 3
    _acl(catalogue, "d", ALLOW)
    with pytest.raises(ScopeTooLargeError, match="maximum of 3"):
        _resolve(catalogue, resolver)


def test_an_unknown_tenant_is_an_error(catalogue: Database, resolver: Resolver) -> None:
    with catalogue.read("nowhere") as session, pytest.raises(NotFoundError):
        resolver.resolve(session, caller(tenant="nowhere"), now=NOON)


def test_granting_again_with_another_expiry_is_seen_at_once(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    assert _resolve(catalogue, resolver).scope.valid_until is None
    with catalogue.write(TENANT) as session:
        entry = AclEntry(Effect.ALLOW, USER, NOON + HOUR)
        assert grant(session, TENANT, "a", entry, now=NOON)
    assert _resolve(catalogue, resolver).scope.valid_until == NOON + HOUR


def test_whoever_was_decided_on_longest_ago_is_forgotten_first(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    first_of_ann = _resolve(catalogue, resolver)
    _resolve(catalogue, resolver, "user:bob")
    with catalogue.write(TENANT) as session:
        grant(session, TENANT, "a", AclEntry(Effect.DENY, Principal.parse("user:eve")), now=NOON)
    ann = _resolve(catalogue, resolver)
    assert ann is not first_of_ann  # decided on anew, so later than Bob
    cid = _resolve(catalogue, resolver, "user:cid")
    assert _resolve(catalogue, resolver) is ann
    assert _resolve(catalogue, resolver, "user:cid") is cid
    bob = _resolve(catalogue, resolver, "user:bob")
    assert _resolve(catalogue, resolver, "user:bob") is bob  # remembered again
    assert _resolve(catalogue, resolver) is not ann  # and Ann not any more


def test_a_caller_s_scope_alone_is_the_scope_of_the_view(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    known = _resolve(catalogue, resolver).scope
    with catalogue.read(TENANT) as session:
        assert resolver.scope(session, ANN, now=NOON) is known
        assert Resolver(SECRET).scope(session, ANN, now=NOON) == known


def test_a_tenant_switched_off_is_refused_although_its_callers_are_remembered(
    catalogue: Database, resolver: Resolver
) -> None:
    _acl(catalogue, "a", ALLOW)
    _resolve(catalogue, resolver)
    with catalogue.unguarded("tenants belong to no tenant", writable=True) as session:
        session.get_one(Tenant, TENANT).enabled = False
    with pytest.raises(TenantDisabledError):
        _resolve(catalogue, resolver)


def test_every_tenant_is_judged_by_its_own_versions_and_switch(
    catalogue: Database, resolver: Resolver
) -> None:
    for name in ("aaa", "zzz"):  # on either side of the tenant in any order
        ensure_tenant(catalogue, name, now=NOON)
        with catalogue.write(name) as session:
            session.get_one(Tenant, name).enabled = False
    _acl(catalogue, "a", ALLOW)
    assert len(_resolve(catalogue, resolver).scope.acl_ids) == 1
    for name in ("aaa", "zzz"):
        with catalogue.read(name) as session, pytest.raises(TenantDisabledError):
            resolver.resolve(session, caller("user:ann", tenant=name), now=NOON)
