"""What an ACL guards: kept change by change, and the same when counted anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.admin.acls import put_acl
from acl.admin.directory import ensure_tenant
from acl.content import Delta, Guarded, change_content, replace_content
from acl.models import AclContentRow
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from acl.orm import Database

RIVAL = "rival"


def _acl(catalogue: Database, tenant: str) -> str:
    ensure_tenant(catalogue, tenant, now=NOON)
    with catalogue.write(tenant) as session:
        acl_id, _ = put_acl(session, tenant, "a", secret=SECRET, now=NOON)
    return acl_id


def _held(catalogue: Database, tenant: str = TENANT) -> dict[str, tuple[int, int]]:
    with catalogue.read(tenant) as session:
        rows = session.scalars(select(AclContentRow)).all()
    return {row.source: (row.occurrences, int.from_bytes(row.content_hash, "big")) for row in rows}


def test_changes_add_up_source_by_source_and_what_is_empty_leaves_no_row(
    catalogue: Database,
) -> None:
    wiki, mail = (Guarded(_acl(catalogue, TENANT), source) for source in ("wiki", "mail"))
    with catalogue.write(TENANT) as session:
        change_content(session, TENANT, {wiki: Delta(2, 5), mail: Delta(1, 7)})
        change_content(session, TENANT, {wiki: Delta(1, 2**256 - 1)})
    assert _held(catalogue) == {"wiki": (3, 4), "mail": (1, 7)}
    with catalogue.write(TENANT) as session:
        change_content(session, TENANT, {wiki: Delta(-3, -4), mail: Delta(0, 1)})
    assert _held(catalogue) == {"mail": (1, 8)}
    with catalogue.write(TENANT) as session:
        change_content(session, TENANT, {wiki: Delta(0, 0)})
    assert _held(catalogue) == {"mail": (1, 8)}


def test_what_is_counted_anew_replaces_the_tenant_s_and_nobody_else_s(catalogue: Database) -> None:
    mine, theirs = _acl(catalogue, TENANT), _acl(catalogue, RIVAL)
    for tenant, acl_id in ((TENANT, mine), (RIVAL, theirs)):
        with catalogue.write(tenant) as session:
            change_content(session, tenant, {Guarded(acl_id, "old"): Delta(1, 1)})
    with catalogue.write(TENANT) as session:
        counted = {Guarded(mine, "new"): Delta(2, -1), Guarded(mine, "none"): Delta(0, 0)}
        replace_content(session, TENANT, counted)
    assert _held(catalogue) == {"new": (2, 2**256 - 1)}
    assert _held(catalogue, RIVAL) == {"old": (1, 1)}
    with catalogue.write(TENANT) as session:
        replace_content(session, TENANT, {})
    assert _held(catalogue) == {}


def test_the_statement_itself_forgets_one_tenant_alone(catalogue: Database) -> None:
    for tenant in (TENANT, RIVAL):
        acl_id = _acl(catalogue, tenant)
        with catalogue.write(tenant) as session:
            change_content(session, tenant, {Guarded(acl_id, "old"): Delta(1, 1)})
    with catalogue.unguarded("the statement alone is looked at", writable=True) as session:
        replace_content(session, TENANT, {})
    assert (_held(catalogue), _held(catalogue, RIVAL)) == ({}, {"old": (1, 1)})


def test_a_hash_is_stored_in_as_many_bytes_as_the_column_has(catalogue: Database) -> None:
    wiki = Guarded(_acl(catalogue, TENANT), "wiki")
    with catalogue.write(TENANT) as session:
        replace_content(session, TENANT, {wiki: Delta(1, 7)})
    with catalogue.read(TENANT) as session:
        assert [len(row) for row in session.scalars(select(AclContentRow.content_hash))] == [32]


def test_a_change_can_be_read_before_it_is_committed(catalogue: Database) -> None:
    wiki = Guarded(_acl(catalogue, TENANT), "wiki")
    with catalogue.write(TENANT) as session, session.no_autoflush:
        change_content(session, TENANT, {wiki: Delta(1, 7)})
        assert session.scalars(select(AclContentRow.source)).all() == ["wiki"]
