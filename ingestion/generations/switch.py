"""Which generation is served: promotion, rollback, canary and retirement, each in one transaction.

A promotion swaps books and states and touches no chunk, so it takes as long for a million chunks
as for ten; the one that was active stays ready, and every write goes to it, until it is retired.
Each change is in the audit of every tenant, for each is served by it. What is kept of
near-duplicates is of the texts that are served, so it is settled anew after each switch.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from acl.audit.events import EventKind, administered
from acl.models import Tenant
from ingestion.active import KEPT, require_generation
from ingestion.books import swap
from ingestion.errors import GenerationError
from ingestion.lock import exclusive
from ingestion.models import EmbeddingRow, GenerationRow, GenerationState
from ingestion.near.record import settle
from ingestion.register import forget_content, stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext

PERMILLE = 1_000
_LOG = logging.getLogger(__name__)


def promote(context: IngestContext, ident: str, *, by: str, force: bool = False) -> str | None:
    """Serve a generation that is ready and has passed its gate, from the next query on.

    Args:
        context: the installation.
        ident: the generation.
        by: who does it, for the audit.
        force: serve it although it has not passed; the audit says so.

    Returns:
        The id of the generation that was active and can be rolled back to; None if there was none.

    Raises:
        GenerationError: it is not ready, or has not passed its gate.
    """
    with exclusive(context.lock_path), _everyone(context) as session:
        row = stored(session, ident, GenerationState.READY)
        require_generation(context.host, ident)
        passed = gate_passed(row)
        if not (passed or force):
            raise GenerationError(
                f"generation {ident} has not passed its gate: run 'clearance generations gate "
                f"{ident}', or promote it with --force, which the audit will tell",
                code="gate_refused",
            )
        body = {"forced": not passed}
        kind = EventKind.GENERATION_PROMOTE
        before = _serve(session, context, row, by=by, kind=kind, body=body)
    _settle(context)
    return before


def rollback(context: IngestContext, *, by: str) -> str:
    """Serve the generation that was active before, from the next query on.

    Every write since went to it too, so nothing is lost; a second rollback undoes the first.

    Returns:
        The id of the generation that is active now.

    Raises:
        GenerationError: there is none to go back to.
    """
    with exclusive(context.lock_path), _everyone(context) as session:
        row = session.scalar(
            select(GenerationRow)
            .where(
                GenerationRow.state == GenerationState.READY.value,
                GenerationRow.served_until.is_not(None),
            )
            .order_by(GenerationRow.served_until.desc())
            .limit(1)
        )
        if row is None:
            raise GenerationError(
                "there is no generation to go back to: none that was active before is ready"
            )
        ident = row.id
        require_generation(context.host, ident)
        _serve(session, context, row, by=by, kind=EventKind.GENERATION_ROLLBACK, body={})
    _settle(context)
    return ident


def canary(context: IngestContext, ident: str, permille: int, *, by: str) -> None:
    """Let a generation that is ready answer a share of the queries.

    Which ones, is a keyed function of the caller and the question: the same question of the same
    caller is always answered by the same generation.

    Args:
        context: the installation.
        ident: the generation; another one's canary ends.
        permille: how many queries of a thousand, 0 to 1,000. 0 ends it.
        by: who does it, for the audit.

    Raises:
        GenerationError: it is not ready, or ``permille`` is no share.
    """
    if not 0 <= permille <= PERMILLE:
        raise GenerationError(f"a canary's share is between 0 and {PERMILLE} permille")
    with exclusive(context.lock_path), _everyone(context) as session:
        row = stored(session, ident, GenerationState.READY)
        require_generation(context.host, ident)
        _end_canaries(session)
        row.canary_permille = permille
        body = {"generation": ident, "permille": permille}
        _tell(session, context, EventKind.GENERATION_CANARY, body, by=by)


def retire(context: IngestContext, ident: str, *, by: str) -> None:
    """Stop keeping a generation: its chunks, its index and vectors that no other needs are dropped.

    Raises:
        GenerationError: it is active, or retired already.
    """
    with exclusive(context.lock_path):
        with _everyone(context) as session:
            stored(session, ident, GenerationState.READY, GenerationState.BUILDING)
            body = {"generation": ident}
            _tell(session, context, EventKind.GENERATION_RETIRE, body, by=by)
        clear_away(context, ident)


def gate_passed(row: GenerationRow) -> bool:
    """Whether the last gate of a generation let it pass."""
    return row.gate is not None and json.loads(row.gate).get("passed") is True


def serve_rebuilt(context: IngestContext, ident: str, *, by: str) -> None:
    """Serve a generation built from the catalogue in place of the active one, which is dropped.

    Without a gate: it is asked for when what is served is broken, or cannot be kept.
    """
    with exclusive(context.lock_path):
        with _everyone(context) as session:
            row = stored(session, ident, GenerationState.READY)
            kind, body = EventKind.GENERATION_PROMOTE, {"rebuilt": True}
            old = _serve(session, context, row, by=by, kind=kind, body=body)
        if old is not None:
            clear_away(context, old)
    _settle(context)


def clear_away(context: IngestContext, ident: str) -> None:
    """Retire a generation and drop all that is kept of it. Must only run under the writer lock.

    The catalogue first: what the engine still holds after a death is swept by the next build.
    """
    with _everyone(context) as session:
        row = stored(session, ident)
        row.state, row.canary_permille = GenerationState.RETIRED.value, 0
        row.changed_at = context.clock()
        session.flush()
        forget_content(session, ident)
        needed = session.scalar(
            select(GenerationRow.id)
            .where(
                GenerationRow.fingerprint == row.fingerprint,
                GenerationRow.state.in_([state.value for state in KEPT]),
            )
            .limit(1)
        )
        if needed is None:
            session.execute(delete(EmbeddingRow).where(EmbeddingRow.fingerprint == row.fingerprint))
    context.host.drop(ident)


def _serve(
    session: Session,
    context: IngestContext,
    row: GenerationRow,
    *,
    by: str,
    kind: EventKind,
    body: Mapping[str, object],
) -> str | None:
    """Make ``row`` the active generation, in the caller's transaction. Returns the one before."""
    now = context.clock()
    old = session.scalar(
        select(GenerationRow).where(GenerationRow.state == GenerationState.ACTIVE.value)
    )
    if old is not None:
        old.state = GenerationState.READY.value
        old.changed_at = old.served_until = now
    _end_canaries(session)
    row.state, row.changed_at = GenerationState.ACTIVE.value, now
    session.flush()
    before = None if old is None else old.id
    for tenant in _tenants(session):
        swap(session, tenant, old=before, new=row.id)
    session.execute(
        update(Tenant)
        .values(content_version=Tenant.content_version + 1)
        .execution_options(synchronize_session=False)
    )
    _tell(session, context, kind, {"generation": row.id, "before": before, **body}, by=by)
    return before


def _settle(context: IngestContext) -> None:
    """Bring near-duplicates in line with what is served now. Never under the writer lock.

    The switch is done and acknowledged by its audit, so nothing that goes wrong here may make it
    look as if it had failed; the next run of each tenant settles what was left.
    """
    with _everyone(context) as session:
        tenants = _tenants(session)
    for tenant in tenants:
        try:
            settle(context, tenant)
        except Exception as error:  # noqa: BLE001 - whatever it is, the switch has happened
            # Its kind alone: the text of a foreign error may hold that of a document.
            _LOG.warning(
                "near-duplicates were not settled after a switch (%s); the next run does it",
                type(error).__name__,
            )


def _end_canaries(session: Session) -> None:
    session.execute(
        update(GenerationRow)
        .where(GenerationRow.canary_permille > 0)
        .values(canary_permille=0)
        .execution_options(synchronize_session="fetch")
    )


def _tell(
    session: Session,
    context: IngestContext,
    kind: EventKind,
    body: Mapping[str, object],
    *,
    by: str,
) -> None:
    for tenant in _tenants(session):
        administered(session, tenant, by, kind, body, now=context.clock())


def _tenants(session: Session) -> list[str]:
    return list(session.scalars(select(Tenant.name).order_by(Tenant.name)))


def _everyone(context: IngestContext) -> AbstractContextManager[Session]:
    return context.database.unguarded("a generation covers every tenant", writable=True)
