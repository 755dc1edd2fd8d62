"""Configured sources: noting one down, so that ``reindex`` runs it, before it has ever been run.

What never lives here: running it, or sources whose documents are pushed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from acl.admin.directory import ensure_tenant
from acl.admin.freshness import limit_age
from ingestion.errors import SourceError
from ingestion.lock import exclusive
from ingestion.models import OnStale, SourceRow
from ingestion.sources.registry import open_source, settled_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.context import IngestContext


def keep_source(
    context: IngestContext,
    tenant: str,
    name: str,
    *,
    kind: str,
    config: Mapping[str, Any],
    max_age_seconds: int | None = None,
    acl_max_age_seconds: int | None = None,
) -> bool:
    """Make a source, or change how it is configured. True if it is new.

    Args:
        context: the installation.
        tenant: whose; created when new.
        name: the source's.
        kind: as of ``open_source``.
        config: likewise.
        max_age_seconds: how old it may be; None keeps what is set.
        acl_max_age_seconds: how old its permissions may be; None keeps what is set.

    Raises:
        SourceError: a field is malformed, or there is a source of that name and another kind.
    """
    open_source(name, kind, config)
    settled = json.dumps(settled_config(kind, config), sort_keys=True)
    now = context.clock()
    ensure_tenant(context.database, tenant, now=now)
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        row = session.get(SourceRow, (tenant, name))
        new = row is None
        if row is None:
            row = SourceRow(
                tenant=tenant, name=name, kind=kind, created_at=now, on_stale=OnStale.FLAG.value
            )
            session.add(row)
        elif row.kind != kind:
            raise SourceError(
                f"source {name!r} is of kind {row.kind!r}; give the one of kind {kind!r} another "
                "name"
            )
        if row.config != settled:
            row.config, row.cursor = settled, None  # what was read so far was read otherwise
        row.max_age_seconds = max_age_seconds or row.max_age_seconds
        session.flush()
        if acl_max_age_seconds is not None:
            limit_age(session, tenant, name, max_age_seconds=acl_max_age_seconds, now=now)
    return new
