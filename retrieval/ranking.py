"""Fusing the two legs into one order.

Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): a leg gives ``1 / (K + rank)``.
Only ranks enter, and the legs are already cut and tie-broken by id, so the result is a function of
what the caller sees, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.index.port import Hit, SearchResult

K: Final = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fused score and what each leg said (None where it was not found)."""

    id: str
    fused: float
    dense: float | None
    lexical: float | None


def fuse(result: SearchResult) -> list[Ranked]:
    """All candidates of both legs, best first; ties by id."""
    dense, lexical = _ranks(result.dense), _ranks(result.sparse)
    ranked = []
    for ident in dense.keys() | lexical.keys():
        parts = [leg[ident] for leg in (dense, lexical) if ident in leg]
        # Summed in leg order, so that the float is the same whichever set order Python picked.
        fused = sum(1.0 / (K + rank) for rank, _ in parts)
        ranked.append(
            Ranked(
                ident,
                fused,
                dense[ident][1] if ident in dense else None,
                lexical[ident][1] if ident in lexical else None,
            )
        )
    return sorted(ranked, key=lambda candidate: (-candidate.fused, candidate.id))


def _ranks(hits: Sequence[Hit]) -> dict[str, tuple[int, float]]:
    return {hit.id: (rank, hit.score) for rank, hit in enumerate(hits, start=1)}
