"""The sources an analyst sees something in, as they stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.catalog import source_states
from ingestion.freshness import source_age, source_state

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from retrieval.quality.analyst import Analyst


def standing(
    session: Session, analyst: Analyst, only: str | None, *, now: datetime
) -> list[dict[str, Any]]:
    """One row for each source, by name; ``documents`` counts those the analyst sees alone."""
    tenant = analyst.scope.tenant
    states = source_states(session, tenant, sorted(analyst.documents))
    return [
        {
            "tenant": tenant,
            "source": name,
            "state": source_state(state, now).value,
            "age_seconds": source_age(state, now),
            "max_age_seconds": state.max_age_seconds,
            "on_stale": state.on_stale,
            "documents": analyst.documents[name],
        }
        for name, state in sorted(states.items())
        if only in (None, name)
    ]
