"""From judged candidates to pieces: freshness, trust, duplicates, conflicts, in that order.

What is excluded as stale or withheld as untrusted is taken out first, so that it neither takes a
place in the answer nor swallows a clean duplicate; the reason stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.assemble import best_place, date, trust, trust_reason
from retrieval.collapse import collapse
from retrieval.compose import Cause, Piece
from retrieval.status import ReasonCode
from verifier.policy import TrustVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ingestion.catalog import SourceState
    from retrieval.assemble import Dated
    from retrieval.gate import Judged
    from retrieval.ranking import Ranked
    from verifier.policy import TrustedText, TrustPolicy


@dataclass(frozen=True, slots=True)
class Choice:
    """What is served.

    Attributes:
        pieces: best first.
        causes: the reasons they give, and those of what was left out.
        duplicates: how many were folded into them.
        more: whether pieces follow after the last.
    """

    pieces: tuple[Piece, ...]
    causes: tuple[Cause, ...]
    duplicates: int
    more: bool


def choose(
    judged: Sequence[Judged],
    ranked: Mapping[str, Ranked],
    sources: Mapping[str, SourceState],
    *,
    limit: int,
    now: datetime,
    max_age: int | None,
    policy: TrustPolicy,
    offset: int = 0,
) -> Choice:
    """The pieces from ``offset`` on, ``limit`` at most.

    Duplicates are folded before pages are cut, so that no page repeats what another has said.
    """
    causes: list[Cause] = []
    usable: dict[str, tuple[Judged, Dated, TrustedText]] = {}
    for entry in judged:
        chunk = entry.chunk
        dated = [date(place, sources, now=now, max_age=max_age) for place in chunk.places]
        current = [place for place in dated if not place.excluded]
        if not current:
            causes.extend(_freshness_causes(best_place(dated), ()))
            continue
        cited = best_place(current)
        trusted = trust(chunk, cited.place, policy)
        if trusted.verdict is TrustVerdict.WITHHELD:
            causes.append(Cause(ReasonCode.INJECTION_WITHHELD))
            continue
        usable[chunk.id] = entry, cited, trusted
    end = offset + limit
    groups = collapse([entry.chunk for entry, _, _ in usable.values()], limit=end + 1)
    pieces = []
    for group in groups[offset:end]:
        entry, cited, trusted = usable[group.chunk.id]
        pieces.append(
            Piece(
                group.chunk,
                cited,
                trusted,
                entry.relevance,
                ranked[group.chunk.id],
                tuple(group.same),
                tuple(group.disagrees),
            )
        )
        causes.extend(_causes(pieces[-1]))
    duplicates = sum(len(group.same) for group in groups[offset:end])
    return Choice(tuple(pieces), tuple(causes), duplicates, more=len(groups) > end)


def _causes(piece: Piece) -> list[Cause]:
    """The caveats one served piece asks for."""
    ident = (piece.chunk.id,)
    causes = _freshness_causes(piece.dated, ident)
    reason = trust_reason(piece.trusted)
    if reason is not None:
        causes.append(Cause(reason, ident))
    if piece.disagrees:
        causes.append(Cause(ReasonCode.CONFLICTING_EVIDENCE, ident))
    return causes


def _freshness_causes(dated: Dated, chunks: tuple[str, ...]) -> list[Cause]:
    return [Cause(reason, chunks, dated.place.source) for reason in dated.reasons]
