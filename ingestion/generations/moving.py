"""Moving what is served to another engine: built there, compared, promoted, and queries go on.

A move is a generation like any other: cut and embedded as the active one, from vectors that are
kept, so it costs no embedding. It is written to by every write meanwhile, and the one it takes the
place of stays ready, where it was, for as long as nobody retires it. So going back is a rollback.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.active import all_generations, current_generation
from ingestion.errors import GenerationError
from ingestion.generations.building import build
from ingestion.generations.gate import gate
from ingestion.generations.report import Thresholds
from ingestion.generations.switch import promote
from ingestion.index.both import BothHosts
from ingestion.models import GenerationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.context import IngestContext
    from ingestion.generations.asking import Ranking
    from ingestion.generations.report import GateReport
    from ingestion.index.hosts import EngineKind

LATENCY_RATIO = 10.0
"""A server is a network away, so a search there may take some times as long as one beside us."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did.

    Attributes:
        generation: the one on the engine asked for.
        before: the one that was served; None if nothing was moved.
        report: of the gate; None if the active generation was there already.
        promoted: whether it is served now.
    """

    generation: str
    before: str | None
    report: GateReport | None
    promoted: bool


def move(
    context: IngestContext,
    to: EngineKind,
    *,
    rank: Ranking,
    by: str,
    thresholds: Thresholds | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Moved:
    """Serve from another engine, from some query on, without one that fails.

    Interrupted, it goes on where it stopped when it is asked for again.

    Args:
        context: the installation, over both engines.
        to: where to.
        rank: how queries order the candidates of both legs, for the gate.
        by: who does it, for the audit.
        thresholds: of the gate; None for the usual ones, but for :data:`LATENCY_RATIO`.
        on_progress: told how many documents are done, and of how many.

    Raises:
        BusyError: a build or a gate is under way.
        GenerationError: there is nothing to move, only one engine, or an unfinished build in the
            way.
        EmbeddingError, IndexUnavailableError: what was built so far stays, to be gone on with.
    """
    host = context.host
    if not isinstance(host, BothHosts):
        raise GenerationError(
            "there is one engine only: name a Qdrant server in CLEARANCE_QDRANT_URL, and set "
            "CLEARANCE_INDEX_ENGINE=embedded to keep the embedded index beside it, here and "
            "wherever the service runs"
        )
    active = current_generation(context.database)
    if active is None:
        raise GenerationError("nothing was ever ingested, so there is nothing to move")
    if host.where(active.id) is to:
        return Moved(active.id, None, None, promoted=True)
    _require_no_other_build(context, host, to)
    work = replace(
        context,
        host=host.building_in(to),
        embedder=context.embedder_of(active),
        spec=active.spec or "",
    )
    made = build(work, chunker=work.chunker_of(active), on_progress=on_progress)
    report = gate(
        work, made, rank=rank, thresholds=thresholds or Thresholds(latency_ratio=LATENCY_RATIO)
    )
    if report.passed:
        promote(work, made, by=by)
    return Moved(made, active.id, report, promoted=report.passed)


def _require_no_other_build(context: IngestContext, host: BothHosts, to: EngineKind) -> None:
    """A build that is to be gone on with would be gone on with where it is."""
    for row in all_generations(context.database):
        if row.state == GenerationState.BUILDING and host.where(row.id) is not to:
            raise GenerationError(
                f"generation {row.id} is unfinished, and elsewhere: finish it with 'clearance "
                f"generations build', or drop it with 'clearance generations retire {row.id}'"
            )
