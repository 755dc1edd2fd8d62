"""Composing the response: pieces get their ids, reasons get theirs, the table concludes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from retrieval import evidence as shapes
from retrieval.assemble import also_in, citation, trust_shape
from retrieval.status import TABLE, ReasonCode, conclude
from retrieval.titles import served_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.catalog import StoredChunk
    from retrieval.assemble import Dated
    from retrieval.ranking import Ranked
    from verifier.policy import TrustedText, TrustPolicy

Mode = Literal["hybrid", "lexical", "dense"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence before it has an id in the response."""

    chunk: StoredChunk
    dated: Dated
    trusted: TrustedText
    relevance: float | None
    ranked: Ranked
    same: tuple[StoredChunk, ...] = ()
    disagrees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason, the chunks it concerns, and the source if it concerns one."""

    code: ReasonCode
    chunks: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the pipeline found.

    ``duplicates`` (folded) and ``best`` (the highest relevance judged, shown or not) are for the
    record alone; ``more`` says whether further pieces follow; ``age`` how many seconds ago the
    search was done, if the index was away and an earlier one had to do.
    """

    pieces: tuple[Piece, ...]
    causes: tuple[Cause, ...]
    mode: Mode = "hybrid"
    exact: bool = True
    duplicates: int = 0
    best: float | None = None
    more: bool = False
    age: float | None = None

    @classmethod
    def nothing(cls, code: ReasonCode) -> Pieces:
        """No evidence, for one reason."""
        return cls((), (Cause(code),))


def compose(
    found: Pieces,
    *,
    request_id: str,
    view: str,
    scores: bool,
    policy: TrustPolicy,
    next_cursor: str | None = None,
) -> shapes.RetrieveResponse:
    """The response for what was found."""
    ids = {piece.chunk.id: f"e{place}" for place, piece in enumerate(found.pieces, start=1)}
    status, action = conclude((cause.code for cause in found.causes), evidence=bool(found.pieces))
    return shapes.RetrieveResponse(
        request_id=request_id,
        status=status,
        action=action,
        reasons=_reasons(found.causes, ids),
        evidence=[
            evidence_of(
                piece,
                ident=ids[piece.chunk.id],
                conflicts=sorted(ids[other] for other in piece.disagrees if other in ids),
                policy=policy,
                scores=scores,
            )
            for piece in found.pieces
        ],
        search=shapes.Search(
            mode=found.mode,
            exactness="exact" if found.exact else "approximate",
            age_seconds=None if found.age is None else int(found.age),
        ),
        view=view,
        next_cursor=next_cursor,
        usage=shapes.Usage(evidence_tokens=sum(piece.chunk.tokens for piece in found.pieces)),
    )


def evidence_of(
    piece: Piece,
    *,
    ident: str,
    conflicts: list[str],
    policy: TrustPolicy,
    scores: bool = False,
) -> shapes.Evidence:
    """One piece as served; ``policy`` is that of its titles, its text has been through it."""
    title = partial(served_title, policy=policy, tenant=piece.chunk.tenant)
    others = [place for chunk in (piece.chunk, *piece.same) for place in chunk.places]
    return shapes.Evidence(
        id=ident,
        chunk_id=piece.chunk.id,
        text=piece.trusted.text,
        relevance=piece.relevance,
        citation=citation(piece.dated.place, title),
        freshness=piece.dated.freshness,
        trust=trust_shape(piece.trusted),
        also_in=also_in(piece.dated.place, others, title),
        conflicts_with=conflicts,
        scores=shapes.Scores(
            dense=piece.ranked.dense, lexical=piece.ranked.lexical, fused=piece.ranked.fused
        )
        if scores
        else None,
    )


def _reasons(causes: Sequence[Cause], ids: Mapping[str, str]) -> list[shapes.Reason]:
    """Causes merged by code and source, in the table's order."""
    merged: dict[tuple[ReasonCode, str], set[str]] = {}
    for cause in causes:
        concerned = merged.setdefault((cause.code, cause.source or ""), set())
        concerned.update(ids[chunk] for chunk in cause.chunks if chunk in ids)
    order = list(ReasonCode)
    return [
        shapes.Reason(
            code=code,
            message=TABLE[code].message,
            evidence=sorted(merged[code, source], key=lambda ident: int(ident[1:])),
            source=source or None,
        )
        for code, source in sorted(merged, key=lambda key: (order.index(key[0]), key[1]))
    ]
