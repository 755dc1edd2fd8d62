"""ACLs of a source in the catalogue, and the id each document is stamped with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.audit.models import AuditRow
from acl.errors import InvalidPrincipalError, NotFoundError
from acl.models import AclEntryRow, AclRow, PrincipalRow
from ingestion.acl_stamp import drop_unused_acls, stamp, store_acls
from ingestion.documents import AclEntrySpec, SourceFailure, SourceItem
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, Installation
from tests.support.source import acl, allow, deny

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.documents import AclSpec

FAMILY = (
    acl("root", allow("group:staff")),
    acl("child", deny("user:eve"), allow("user:ann", NOON + HOUR), parent="root", inherit=False),
)


def store(world: Installation, specs: Sequence[AclSpec], source: str = "wiki") -> dict[str, str]:
    with world.change() as session:
        return store_acls(session, TENANT, specs, secret=SECRET, source=source, now=world.clock())


def drop(world: Installation, source: str, *keep: str) -> int:
    with world.change() as session:
        return drop_unused_acls(session, TENANT, source, keep, now=world.clock())


def told(world: Installation) -> list[tuple[str, list[str]]]:
    with world.runtime.database.read(TENANT) as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.seq)).all()
    bodies = [json.loads(row.body) for row in rows if row.kind == "acl.sync"]
    return [(body["actor"], body["changes"]) for body in bodies]


def names(world: Installation) -> set[str]:
    with world.runtime.database.read(TENANT) as session:
        return set(session.scalars(select(AclRow.name)))


def item(acl_name: str | None) -> SourceItem:
    return SourceItem("a.md", "memory://a.md", acl_name, 0, None)


def test_acls_are_stored_as_the_source_states_them(world: Installation) -> None:
    ids = store(world, FAMILY)
    with world.runtime.database.read(TENANT) as session:
        child = session.get_one(AclRow, (TENANT, ids["child"]))
        assert (child.parent_id, child.inherit, child.managed_by) == (ids["root"], False, "wiki")
        entries = session.scalars(select(AclEntryRow).where(AclEntryRow.acl_id == ids["child"]))
        assert {(row.effect, row.principal, row.expires_at) for row in entries} == {
            ("deny", "user:eve", None),
            ("allow", "user:ann", NOON + HOUR),
        }
        known = set(session.scalars(select(PrincipalRow.principal)))
    assert known >= {"group:staff", "user:ann"}
    assert "user:eve" not in known, "to be refused is no introduction"


def test_storing_again_replaces_entries_and_keeps_ids(world: Installation) -> None:
    ids = store(world, FAMILY)
    assert store(world, (acl("root", allow("user:zoe")), FAMILY[1])) == ids
    with world.runtime.database.read(TENANT) as session:
        entries = session.scalars(select(AclEntryRow).where(AclEntryRow.acl_id == ids["root"]))
        assert [row.principal for row in entries] == ["user:zoe"]


def test_a_child_before_its_parent_is_refused_and_nothing_is_stored(world: Installation) -> None:
    with pytest.raises(NotFoundError, match="root"):
        store(world, FAMILY[::-1])
    assert names(world) == set()


def test_a_principal_that_is_none_is_refused_and_nothing_is_stored(world: Installation) -> None:
    with pytest.raises(InvalidPrincipalError):
        store(world, (FAMILY[0], acl("odd", AclEntrySpec("allow", "everybody"))))
    assert names(world) == set()


def test_only_what_the_source_itself_no_longer_states_is_dropped(world: Installation) -> None:
    ids = store(world, FAMILY)
    store(world, (acl("other"),), source="policies")
    assert drop(world, "wiki", ids["root"], ids["child"]) == 0
    assert drop(world, "wiki", ids["root"]) == 1
    assert names(world) == {"root", "other"}
    assert drop(world, "wiki") == 1
    assert names(world) == {"other"}


def test_a_parent_outlives_its_children(world: Installation) -> None:
    ids = store(world, FAMILY)
    assert drop(world, "wiki", ids["child"]) == 0
    assert names(world) == {"root", "child"}


def test_an_item_gets_the_id_of_its_acl_and_nothing_else_ever(world: Installation) -> None:
    ids = store(world, FAMILY)
    assert stamp(item("child"), ids) == ids["child"]
    for unlabelled in (None, "", "unknown", ids["child"]):
        refused = stamp(item(unlabelled), ids)
        assert isinstance(refused, SourceFailure)
        assert (refused.external_id, refused.code) == ("a.md", "acl_missing")
        assert ".acl.yaml" in refused.message


def test_what_a_source_changes_is_audited_once_and_by_its_name(world: Installation) -> None:
    store(world, FAMILY[:1])
    store(world, FAMILY[:1])
    assert told(world) == [
        ("source:wiki", ["create ACL root", "allow group:staff on root"]),
    ]
    store(world, (acl("root", allow("group:all")),))
    drop(world, "wiki")
    assert told(world)[1:] == [
        ("source:wiki", ["no allow of group:staff on root", "allow group:all on root"]),
        ("source:wiki", ["remove ACL root"]),
    ]
