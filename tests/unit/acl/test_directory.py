"""The directory: idempotent changes, each of which outdates every cached scope at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.admin import acls, directory
from acl.entries import AclEntry, Effect
from acl.errors import InvalidAclError, NotFoundError
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow, Tenant
from acl.principal import EVERYONE, Principal
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from acl.orm import Database

ANN, BOB = Principal.parse("user:ann"), Principal.parse("user:bob")
STAFF, BOARD = Principal.parse("group:staff"), Principal.parse("group:board")
ALLOW = AclEntry(Effect.ALLOW, ANN)


def _put(session: Session, name: str, *entries: AclEntry, parent: str | None = None) -> bool:
    return acls.put_acl(
        session, TENANT, name, secret=SECRET, parent=parent, entries=entries, now=NOON
    )[1]


def _version(catalogue: Database) -> int:
    with catalogue.read(TENANT) as session:
        return session.get_one(Tenant, TENANT).acl_version


CHANGES: dict[str, Callable[[Session], bool]] = {
    "a principal": lambda s: directory.ensure_principal(s, TENANT, BOB, now=NOON),
    "a switch": lambda s: directory.set_enabled(s, TENANT, ANN, enabled=False),
    "a member": lambda s: directory.add_member(s, TENANT, STAFF, ANN, now=NOON),
    "a leaver": lambda s: directory.remove_member(s, TENANT, BOARD, ANN),
    "an ACL": lambda s: _put(s, "new", ALLOW),
    "entries": lambda s: _put(s, "held", AclEntry(Effect.DENY, ANN)),
    "a parent": lambda s: _put(s, "held", ALLOW, parent="top"),
    "a grant": lambda s: acls.grant(s, TENANT, "held", AclEntry(Effect.DENY, ANN), now=NOON),
    "an expiry": lambda s: acls.grant(
        s, TENANT, "held", AclEntry(Effect.ALLOW, ANN, NOON + HOUR), now=NOON
    ),
    "a revocation": lambda s: acls.revoke(s, TENANT, "held", Effect.ALLOW, ANN),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_outdates_cached_scopes_and_doing_it_again_changes_nothing(
    catalogue: Database, change: Callable[[Session], bool]
) -> None:
    with catalogue.write(TENANT) as session:
        _put(session, "top")
        _put(session, "held", ALLOW)
        directory.add_member(session, TENANT, BOARD, ANN, now=NOON)
    before = _version(catalogue)
    with catalogue.write(TENANT) as session:
        assert change(session)
    changed = _version(catalogue)
    assert changed > before
    with catalogue.write(TENANT) as session:
        assert not change(session)
    assert _version(catalogue) == changed


def test_a_tenant_is_made_once_and_knows_everyone(catalogue: Database) -> None:
    assert directory.ensure_tenant(catalogue, "new", now=NOON)
    assert not directory.ensure_tenant(catalogue, "new", now=NOON)
    with catalogue.read("new") as session:
        assert session.scalars(select(PrincipalRow.principal)).all() == [str(EVERYONE)]


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "x" * 1025, "\u200b"])
def test_a_name_that_cannot_be_shown_is_refused(catalogue: Database, name: str) -> None:
    with pytest.raises(InvalidAclError, match="tenant"):
        directory.ensure_tenant(catalogue, name, now=NOON)
    with catalogue.write(TENANT) as session, pytest.raises(InvalidAclError, match="acl"):
        _put(session, name)


def test_the_secret_is_made_once(catalogue: Database) -> None:
    assert directory.installation_secret(catalogue, now=NOON) == SECRET


def test_only_groups_have_members_and_everyone_is_no_member(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        for group in (ANN, EVERYONE, Principal.parse("service:bot")):
            with pytest.raises(InvalidAclError, match="only a group"):
                directory.add_member(session, TENANT, group, BOB, now=NOON)
        with pytest.raises(InvalidAclError, match="everyone"):
            directory.add_member(session, TENANT, STAFF, EVERYONE, now=NOON)
        assert session.scalars(select(MembershipRow)).all() == []


def test_switching_an_unknown_principal_is_an_error(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session, pytest.raises(NotFoundError, match="user:bob"):
        directory.set_enabled(session, TENANT, BOB, enabled=False)


def test_parents_cannot_form_a_cycle(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        _put(session, "a")
        _put(session, "b", parent="a")
        _put(session, "c", parent="b")
        for name, parent in (("a", "a"), ("a", "c"), ("b", "c")):
            with pytest.raises(InvalidAclError, match="cycle"):
                _put(session, name, parent=parent)


def test_a_parent_must_exist(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session, pytest.raises(NotFoundError, match="nowhere"):
        _put(session, "a", parent="nowhere")


def test_putting_an_acl_replaces_the_whole_of_its_entries(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        _put(session, "a", ALLOW, AclEntry(Effect.DENY, BOB, NOON))
        _put(session, "a", AclEntry(Effect.DENY, BOB), AclEntry(Effect.ALLOW, STAFF))
        rows = session.scalars(select(AclEntryRow)).all()
        assert {(row.effect, row.principal, row.expires_at) for row in rows} == {
            ("deny", "user:bob", None),
            ("allow", "group:staff", None),
        }


def test_one_principal_with_two_expiries_is_refused(catalogue: Database) -> None:
    entries = AclEntry(Effect.ALLOW, ANN, NOON), AclEntry(Effect.ALLOW, ANN)
    with catalogue.write(TENANT) as session, pytest.raises(InvalidAclError, match="twice"):
        _put(session, "a", *entries)


def test_an_expiry_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidAclError, match="time zone"):
        AclEntry(Effect.ALLOW, ANN, datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_an_acl_s_id_tells_nothing_and_depends_on_tenant_and_name(catalogue: Database) -> None:
    directory.ensure_tenant(catalogue, "rival", now=NOON)
    ids = set()
    for tenant, name in ((TENANT, "a"), (TENANT, "b"), ("rival", "a")):
        with catalogue.write(tenant) as session:
            ids.add(acls.put_acl(session, tenant, name, secret=SECRET, now=NOON)[0])
    assert len(ids) == 3


def test_what_does_not_exist_cannot_be_granted_or_revoked(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        with pytest.raises(NotFoundError):
            acls.grant(session, TENANT, "a", ALLOW, now=NOON)
        with pytest.raises(NotFoundError):
            acls.revoke(session, TENANT, "a", Effect.ALLOW, ANN)
        _put(session, "a")
        assert not acls.revoke(session, TENANT, "a", Effect.ALLOW, ANN)
        assert session.scalars(select(AclRow.name)).all() == ["a"]
