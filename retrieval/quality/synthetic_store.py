"""A made-up history in a catalogue of its own, so that a whole service can be tried on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert

from acl.admin import directory
from ingestion.models import SourceRow
from retrieval.quality.planted import Fault
from retrieval.quality.synthetic import DAY, SOURCES, history
from retrieval.records import FeedbackRow

if TYPE_CHECKING:
    from acl.orm import Database
    from retrieval.quality.synthetic import Plan


def write(database: Database, plan: Plan, *, audit_database: Database | None = None) -> int:
    """Write the rows of a plan, and the tenants and sources they speak of.

    Args:
        database: a catalogue that holds none of its tenants yet.
        plan: what to make.
        audit_database: where feedback goes; None for the catalogue itself.

    Returns:
        How many rows.
    """
    beside = audit_database or database
    for tenant in plan.tenants:
        directory.ensure_tenant(database, tenant, now=plan.begins)
        with database.write(tenant) as session:
            session.add_all(_source(plan, tenant, name) for name in SOURCES)
    written = 0
    for tenant, tables in history(plan):
        with database.write(tenant) as session:
            for table, rows in tables.items():
                if rows and table is not FeedbackRow:
                    session.execute(insert(table), rows)
        with beside.write(tenant) as session:
            for opinion in tables[FeedbackRow]:
                session.merge(FeedbackRow(**opinion))  # of two, the later counts
        written += sum(map(len, tables.values()))
    return written


def _source(plan: Plan, tenant: str, name: str) -> SourceRow:
    stale = [p for p in plan.planted if p.fault is Fault.STALE_SOURCE and p.where == name]
    last = plan.begins + timedelta(weeks=stale[0].week) if stale else plan.ends
    return SourceRow(
        tenant=tenant,
        name=name,
        kind="folder",
        max_age_seconds=SOURCES[name] * DAY,
        created_at=plan.begins,
        last_attempt_at=last,
        last_success_at=last,
    )
