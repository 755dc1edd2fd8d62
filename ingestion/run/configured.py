"""The configured sources, as a rerun needs them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.models import Tenant
from ingestion.models import SourceRow
from ingestion.push_source import PUSH_KIND
from ingestion.run.record import SourceConfig

if TYPE_CHECKING:
    from ingestion.context import IngestContext


@dataclass(frozen=True, slots=True)
class Configured:
    """A source that is remembered, and how."""

    tenant: str
    name: str
    config: SourceConfig


def configured(
    context: IngestContext, *, tenant: str | None = None, source: str | None = None
) -> list[Configured]:
    """The sources that read their documents themselves, by tenant and name."""
    with context.database.unguarded("an operator runs the sources of every tenant") as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
    found: list[Configured] = []
    for name in tenants if tenant is None else [tenant]:
        with context.database.read(name) as session:
            rows = session.scalars(select(SourceRow).order_by(SourceRow.name))
            found += [
                Configured(name, row.name, SourceConfig(row.kind, json.loads(row.config)))
                for row in rows
                if row.kind != PUSH_KIND and source in {None, row.name}
            ]
    return found
