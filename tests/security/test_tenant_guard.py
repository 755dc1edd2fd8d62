"""The tenant guard: a statement that forgets the tenant still sees one tenant, or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from acl.admin.directory import ensure_tenant
from acl.errors import TenantGuardError
from acl.models import PrincipalRow, Tenant
from acl.orm import Base, GuardedSession, TenantScoped, prepared
from ingestion.models import ChunkRow, DocumentRow
from tests.support.clock import NOON
from tests.support.installation import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Executable, Select

    from acl.orm import Database
    from tests.support.catalogue import Blank


@pytest.fixture
def catalogue(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Database]:
    """Two tenants, each with ``everyone`` and a user of its own."""
    database = open_catalogue(blank_catalogue, tmp_path)
    for tenant in ("bank", "rival"):
        ensure_tenant(database, tenant, now=NOON)
        with database.write(tenant) as session:
            session.add(_row(tenant, f"user:of-{tenant}"))
    yield database
    database.close()


def _row(tenant: str, principal: str) -> PrincipalRow:
    return PrincipalRow(tenant=tenant, principal=principal, created_at=NOON)


def _values(tenant: str, principal: str) -> dict[str, object]:
    return {"tenant": tenant, "principal": principal, "enabled": True, "created_at": NOON}


def _principals(database: Database) -> set[tuple[str, str]]:
    with database.unguarded("the test looks at both tenants") as session:
        return {(row.tenant, row.principal) for row in session.scalars(select(PrincipalRow))}


# Reading


def test_a_query_without_a_tenant_predicate_sees_the_session_s_tenant_only(
    catalogue: Database,
) -> None:
    with catalogue.read("bank") as session:
        assert set(session.scalars(select(PrincipalRow.principal))) == {"everyone", "user:of-bank"}
        assert {row.tenant for row in session.scalars(select(PrincipalRow))} == {"bank"}
        assert session.scalar(select(func.count()).select_from(PrincipalRow)) == 2


def test_a_statement_that_is_kept_sees_the_tenant_of_each_session_that_runs_it(
    catalogue: Database,
) -> None:
    @prepared
    def everybody() -> Select[str]:
        return select(PrincipalRow.principal)

    assert everybody() is everybody()
    for tenant in ("bank", "rival", "bank"):
        with catalogue.read(tenant) as session:
            assert set(session.scalars(everybody())) == {"everyone", f"user:of-{tenant}"}


def test_a_predicate_on_another_tenant_finds_nothing(catalogue: Database) -> None:
    with catalogue.read("bank") as session:
        query = select(PrincipalRow).where(PrincipalRow.tenant == "rival")
        assert session.scalars(query).all() == []
        assert session.get(PrincipalRow, ("rival", "user:of-rival")) is None


def test_aliases_joins_subqueries_and_unions_are_confined(catalogue: Database) -> None:
    other = aliased(PrincipalRow)
    with catalogue.read("bank") as session:
        pairs = session.execute(
            select(PrincipalRow.tenant, other.tenant).join(
                other, PrincipalRow.principal == other.principal
            )
        )
        assert {tuple(pair) for pair in pairs} == {("bank", "bank")}
        inner = select(PrincipalRow.principal).where(PrincipalRow.tenant == "rival")
        query = select(PrincipalRow).where(PrincipalRow.principal.in_(inner))
        assert session.scalars(query).all() == []
        either = select(PrincipalRow.tenant).union(select(other.tenant))
        assert set(session.scalars(either)) == {"bank"}


def test_what_is_only_counted_or_only_asked_to_exist_is_confined(catalogue: Database) -> None:
    count = select(func.count()).select_from(PrincipalRow)
    foreign = select(PrincipalRow.tenant).where(PrincipalRow.tenant == "rival")
    with catalogue.read("bank") as session:
        assert session.scalar(count) == 2
        assert session.scalar(select(count.scalar_subquery())) == 2
        assert not session.scalar(select(foreign.exists()))
        assert session.scalars(select(Tenant.name).where(foreign.exists())).all() == []
        reach = select(PrincipalRow.tenant).cte(recursive=True)
        assert set(session.scalars(select(reach.union(foreign).c.tenant))) == {"bank"}


@pytest.mark.parametrize(
    "statement",
    [select(PrincipalRow.__table__), text("SELECT * FROM principal")],
    ids=["over a table", "as text"],
)
def test_a_statement_that_cannot_be_guarded_is_refused(
    catalogue: Database, statement: Executable
) -> None:
    with catalogue.read("bank") as session, pytest.raises(TenantGuardError, match="mapped"):
        session.execute(statement)


def test_one_session_s_tenant_does_not_stick_to_the_next(catalogue: Database) -> None:
    query = select(PrincipalRow.tenant)  # compiled once, used for both
    for tenant in ("bank", "rival", "bank"):
        with catalogue.read(tenant) as session:
            assert set(session.scalars(query)) == {tenant}


@pytest.mark.parametrize("model", [PrincipalRow, DocumentRow, ChunkRow])
def test_a_session_without_a_tenant_cannot_read_tenant_rows(
    catalogue: Database, model: type[TenantScoped]
) -> None:
    refused = pytest.raises(TenantGuardError, match="opened for a tenant")
    with GuardedSession(catalogue.reader) as session:
        with refused:
            session.execute(select(model))
        with refused:
            session.scalar(select(func.count()).select_from(model))


def test_every_table_with_a_tenant_column_is_under_the_guard() -> None:
    for mapper in Base.registry.mappers:
        scoped = issubclass(mapper.class_, TenantScoped)
        assert scoped == ("tenant" in mapper.columns), mapper.class_
        assert not scoped or mapper.columns["tenant"].primary_key


# Writing


def test_adding_a_row_of_another_tenant_fails(catalogue: Database) -> None:
    before = _principals(catalogue)
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.add(_row("rival", "user:smuggled"))
    assert _principals(catalogue) == before


@pytest.mark.parametrize(
    "statement",
    [
        insert(PrincipalRow).values(_values("rival", "user:smuggled")),
        insert(PrincipalRow).from_select(
            ["tenant", "principal", "enabled", "created_at"],
            select(Tenant.name, Tenant.name, Tenant.enabled, Tenant.created_at),
        ),
        update(PrincipalRow).values(tenant="rival"),
        update(PrincipalRow).values({PrincipalRow.tenant: "rival"}),
    ],
    ids=["values inside", "from a query", "moved", "moved by column"],
)
def test_a_statement_that_carries_its_values_inside_cannot_reach_another_tenant(
    catalogue: Database, statement: Executable
) -> None:
    before = _principals(catalogue)
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.execute(statement)
    assert _principals(catalogue) == before


def test_a_bulk_update_by_key_cannot_reach_another_tenant(catalogue: Database) -> None:
    row = {"tenant": "rival", "principal": "user:of-rival", "enabled": False}
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.execute(update(PrincipalRow), [row])


@pytest.mark.parametrize(
    "rows",
    [
        [_values("rival", "user:smuggled")],
        [_values("bank", "user:fine"), _values("rival", "user:smuggled")],
    ],
    ids=["one", "among others"],
)
def test_a_bulk_insert_with_a_row_of_another_tenant_fails_as_a_whole(
    catalogue: Database, rows: list[dict[str, object]]
) -> None:
    before = _principals(catalogue)
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.execute(insert(PrincipalRow), rows)
    assert _principals(catalogue) == before


def test_a_row_cannot_be_moved_to_another_tenant(catalogue: Database) -> None:
    before = _principals(catalogue)
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.get_one(PrincipalRow, ("bank", "user:of-bank")).tenant = "rival"
    assert _principals(catalogue) == before


def test_a_row_held_from_another_tenant_s_session_cannot_be_written(catalogue: Database) -> None:
    with catalogue.read("rival") as session:
        row = session.get_one(PrincipalRow, ("rival", "user:of-rival"))
        session.expunge(row)
    before = _principals(catalogue)
    row.enabled = False
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.add(row)
    with pytest.raises(TenantGuardError), catalogue.write("bank") as session:
        session.delete(row)
    assert _principals(catalogue) == before


def test_updates_and_deletes_without_a_predicate_touch_one_tenant(catalogue: Database) -> None:
    with catalogue.write("bank") as session:
        session.execute(update(PrincipalRow).values(enabled=False))
    with catalogue.write("bank") as session:
        session.execute(delete(PrincipalRow))
    with catalogue.unguarded("the test looks at both tenants") as session:
        rows = session.scalars(select(PrincipalRow)).all()
        assert [(row.tenant, row.enabled) for row in rows] == [("rival", True), ("rival", True)]


def test_a_reading_session_cannot_write(catalogue: Database) -> None:
    with catalogue.read("bank") as session, pytest.raises(DBAPIError, match=r"read-?only"):
        session.execute(update(PrincipalRow).values(enabled=False))


# Crossing


def test_crossing_tenants_needs_a_reason(catalogue: Database) -> None:
    with (
        pytest.raises(TenantGuardError, match="say why"),
        catalogue.unguarded(""),
    ):
        pass


def test_with_a_reason_every_tenant_is_seen(catalogue: Database) -> None:
    with catalogue.unguarded("the test looks at both tenants") as session:
        assert set(session.scalars(select(PrincipalRow.tenant))) == {"bank", "rival"}
        assert set(session.scalars(select(Tenant.name))) == {"bank", "rival"}


def test_crossing_is_read_only_unless_asked_otherwise(catalogue: Database) -> None:
    with (
        pytest.raises(DBAPIError, match=r"read-?only"),
        catalogue.unguarded("the test tries to write") as session,
    ):
        session.execute(update(PrincipalRow).values(enabled=False))


def test_a_write_that_fails_leaves_nothing_behind(catalogue: Database) -> None:
    before = _principals(catalogue)

    def fail_in_the_middle() -> None:
        with catalogue.write("bank") as session:
            session.add(_row("bank", "user:half"))
            session.flush()
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert _principals(catalogue) == before
