"""The gate: what a generation must hold to before it is served, compared with the active one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.caller import Caller
from acl.models import PrincipalRow, Tenant
from acl.principal import Principal
from ingestion.active import current_generation
from ingestion.generations.asking import Asked, Examiner, ask_both, check_latency, check_quality
from ingestion.generations.building import lock_of
from ingestion.generations.coverage import check_acl_parity, check_coverage
from ingestion.generations.report import Check, Condition, GateReport, Question, Thresholds
from ingestion.generations.worlds import check_two_worlds
from ingestion.lock import exclusive
from ingestion.models import DocumentRow, GenerationState
from ingestion.register import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingestion.context import IngestContext
    from ingestion.generations.asking import Ranking
    from ingestion.models import GenerationRow

_CALLERS = 8
_QUESTIONS = 20


def gate(
    context: IngestContext,
    ident: str,
    *,
    rank: Ranking,
    questions: Sequence[Question] = (),
    callers: Sequence[Caller] = (),
    thresholds: Thresholds | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> GateReport:
    """Compare a ready generation with the active one, and keep the report with it.

    Args:
        context: the installation.
        ident: the generation.
        rank: how queries order the candidates of both legs.
        questions: the query set; empty for titles of documents, which nobody has labelled.
        callers: who asks; empty for a sample of the known users and services of each tenant.
        thresholds: how far it may fall short; None for the defaults.
        timer: seconds, for differences.

    Raises:
        BusyError: a build, or another gate, is under way.
        GenerationError: the generation is not ready.
    """
    thresholds = thresholds or Thresholds()
    with exclusive(lock_of(context), timeout=0):
        row = _ready(context, ident)
        active = current_generation(context.database)
        tenants = _tenants(context)
        asking = callers or [one for tenant in tenants for one in sample_callers(context, tenant)]
        asked = questions or [
            one for tenant in tenants for one in sample_questions(context, tenant)
        ]
        examiner = Examiner(context, rank, timer)
        compared = Asked()
        if active is not None:
            ask_both(examiner, row, active, asked[:1], asking[:1], depth=1)  # warms both up
            compared = ask_both(examiner, row, active, asked, asking, depth=thresholds.depth)
        report = GateReport(
            ident,
            None if active is None else active.id,
            context.clock(),
            (
                check_coverage(context, row, active, tenants),
                check_acl_parity(context, row, tenants),
                _if_any(active, Condition.QUALITY, lambda: check_quality(compared, thresholds)),
                _if_any(active, Condition.LATENCY, lambda: check_latency(compared, thresholds)),
                check_two_worlds(examiner, row, asked, asking, limit=thresholds.world),
            ),
        )
        _keep(context, report)
    return report


def _if_any(
    active: GenerationRow | None, condition: Condition, check: Callable[[], Check]
) -> Check:
    if active is not None:
        return check()
    return Check(condition, passed=True, detail="there is nothing to compare it with", figures={})


def sample_callers(context: IngestContext, tenant: str) -> list[Caller]:
    """Some known users and services of a tenant: the same ones each time, from all over."""
    with context.database.read(tenant) as session:
        names = session.scalars(
            select(PrincipalRow.principal)
            .where(
                PrincipalRow.tenant == tenant,
                PrincipalRow.enabled,
                PrincipalRow.principal.startswith("user:")
                | PrincipalRow.principal.startswith("service:"),
            )
            .order_by(PrincipalRow.principal)
        ).all()
    step = max(1, -(-len(names) // _CALLERS))
    return [Caller(tenant, Principal.parse(name)) for name in names[::step]]


def sample_questions(context: IngestContext, tenant: str) -> list[Question]:
    """Titles of some documents of a tenant, as questions."""
    with context.database.read(tenant) as session:
        titles = session.scalars(
            select(DocumentRow.title)
            .where(DocumentRow.tenant == tenant, DocumentRow.deleted_at.is_(None))
            .order_by(DocumentRow.id)
            .limit(_QUESTIONS)
        ).all()
    return [Question(title) for title in dict.fromkeys(titles) if title.strip()]


def _ready(context: IngestContext, ident: str) -> GenerationRow:
    with context.database.unguarded("generations belong to no tenant") as session:
        row = stored(session, ident, GenerationState.READY)
        session.expunge(row)
    return row


def _tenants(context: IngestContext) -> list[str]:
    with context.database.unguarded("a generation covers every tenant") as session:
        return list(session.scalars(select(Tenant.name).order_by(Tenant.name)))


def _keep(context: IngestContext, report: GateReport) -> None:
    with (
        exclusive(context.lock_path),
        context.database.unguarded("generations belong to no tenant", writable=True) as session,
    ):
        row = stored(session, report.generation, GenerationState.READY)
        row.gate = json.dumps(report.to_dict())
