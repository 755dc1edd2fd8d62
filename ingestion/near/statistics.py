"""How much of what is held is there twice: counts by source, and the pairs themselves.

For operators, who see the whole tenant. A caller's view must never be cut out of these figures:
whether a pair was looked for can depend on texts that the caller may not see (crowds), and what a
pair says quotes both of its texts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, exists, func, select, union

from acl.orm import batches
from ingestion.models import ChunkRow, ChunkState, DocumentRow, OccurrenceRow
from ingestion.records import NearPairRow, SignatureRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

_PLACES: Final = 3  # of a text that stands in many documents, how many are named
_NONE: Final = "[]"  # how no difference is stored


@dataclass(frozen=True, slots=True)
class SourceDuplicates:
    """What one source holds more than once, or nearly.

    Attributes:
        source: its name.
        occurrences: places where a chunk stands, over all its documents.
        texts: different texts among them.
        near_texts: texts that nearly agree with another one, anywhere, without contradiction.
        near_pairs: near pairs of which at least one text stands in this source.
        conflicts: those of them that contradict one another.
        crowded: texts that look like so many others that some of their pairs may be missing; where
            this is not 0, the two counts of pairs are lower bounds.
        unsettled: texts not compared yet.
    """

    source: str
    occurrences: int
    texts: int
    near_texts: int
    near_pairs: int
    conflicts: int
    crowded: int
    unsettled: int

    @property
    def exact(self) -> int:
        """Occurrences beyond the first of each text."""
        return self.occurrences - self.texts

    @property
    def exact_share(self) -> float:
        """Share of the occurrences that only repeat a text, 0 to 1."""
        return self.exact / self.occurrences if self.occurrences else 0.0

    @property
    def near_share(self) -> float:
        """Share of the texts that another one nearly says, 0 to 1."""
        return self.near_texts / self.texts if self.texts else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        counts = {
            name: getattr(self, name)
            for name in (
                *("source", "occurrences", "texts", "exact", "near_texts", "near_pairs"),
                *("conflicts", "crowded", "unsettled"),
            )
        }
        return counts | {
            "exact_share": round(self.exact_share, 4),
            "near_share": round(self.near_share, 4),
        }


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where a text stands: a document and a span of its extracted text, in code points."""

    source: str
    external_id: str
    title: str
    uri: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ListedPair:
    """A near pair with where its texts stand (a few places of each) and what they differ in."""

    similarity: float
    differences: list[dict[str, str | None]]
    first: tuple[TextPlace, ...]
    second: tuple[TextPlace, ...]


def statistics(session: Session, tenant: str, generation: str) -> list[SourceDuplicates]:
    """Every source that holds a document, by name.

    Args:
        session: a read session of the tenant.
        tenant: whose sources.
        generation: the served generation.
    """
    texts = _texts(tenant, generation).distinct().cte("texts")
    sides = [
        select(texts.c.source, NearPairRow.first, NearPairRow.second, NearPairRow.differences).join(
            NearPairRow, (NearPairRow.tenant == tenant) & (side == texts.c.sha)
        )
        for side in (NearPairRow.first, NearPairRow.second)
    ]
    touching = union(*sides).subquery("touching")
    agreeing = exists().where(
        NearPairRow.tenant == tenant,
        NearPairRow.differences == _NONE,
        (NearPairRow.first == texts.c.sha) | (NearPairRow.second == texts.c.sha),
    )
    signed = (SignatureRow.tenant == tenant) & (SignatureRow.sha == texts.c.sha)
    occurrences = _texts(tenant, generation).subquery("occurrences")
    standing = _counted(
        session,
        select(occurrences.c.source, func.count()).group_by(occurrences.c.source),
    )
    different = _counted(session, select(texts.c.source, func.count()).group_by(texts.c.source))
    near = _counted(
        session,
        select(texts.c.source, func.count()).where(agreeing).group_by(texts.c.source),
    )
    pairs = _counted(session, select(touching.c.source, func.count()).group_by(touching.c.source))
    conflicts = _counted(
        session,
        select(touching.c.source, func.count())
        .where(touching.c.differences != _NONE)
        .group_by(touching.c.source),
    )
    compared = session.execute(
        select(
            texts.c.source,
            func.sum(case((SignatureRow.crowded, 1), else_=0)),
            func.count(SignatureRow.sha),
        )
        .outerjoin(SignatureRow, signed)
        .group_by(texts.c.source)
    )
    signatures = {source: (int(crowded), settled) for source, crowded, settled in compared}
    return [
        SourceDuplicates(
            source,
            standing[source],
            different[source],
            near.get(source, 0),
            pairs.get(source, 0),
            conflicts.get(source, 0),
            signatures[source][0],
            different[source] - signatures[source][1],
        )
        for source in sorted(standing)
    ]


def listed_pairs(
    session: Session,
    tenant: str,
    generation: str,
    *,
    source: str | None = None,
    conflicts: bool = False,
    limit: int,
) -> list[ListedPair]:
    """Near pairs, the most alike first.

    Args:
        session: a read session of the tenant.
        tenant: whose pairs.
        generation: the served generation.
        source: if given, pairs of which at least one text stands in it.
        conflicts: only pairs that contradict one another.
        limit: how many at most.
    """
    statement = select(NearPairRow).where(NearPairRow.tenant == tenant)
    if conflicts:
        statement = statement.where(NearPairRow.differences != _NONE)
    texts = _texts(tenant, generation).distinct().cte("texts")
    either = exists().where(texts.c.sha.in_([NearPairRow.first, NearPairRow.second]))
    if source is not None:
        either = either.where(texts.c.source == source)
    rows = list(
        session.scalars(
            statement.where(either)
            .order_by(NearPairRow.similarity.desc(), NearPairRow.first, NearPairRow.second)
            .limit(limit)
        )
    )
    places = _places(
        session, tenant, generation, [sha for r in rows for sha in (r.first, r.second)]
    )
    return [
        ListedPair(
            row.similarity,
            json.loads(row.differences),
            tuple(places.get(row.first, ())),
            tuple(places.get(row.second, ())),
        )
        for row in rows
        # A text that went since the last settling is shown no more, nor what it said.
        if row.first in places and row.second in places
    ]


def _counted(session: Session, statement: Select[str, int]) -> dict[str, int]:
    return {source: count for source, count in session.execute(statement)}  # noqa: C416 - rows are no pairs


def _served(tenant: str, generation: str) -> tuple[ColumnElement[bool], ...]:
    return (
        OccurrenceRow.tenant == tenant,
        OccurrenceRow.generation == generation,
        ChunkRow.state == ChunkState.LIVE.value,
        DocumentRow.deleted_at.is_(None),
    )


def _texts(tenant: str, generation: str) -> Any:
    """Source and text of every occurrence."""
    statement = select(
        DocumentRow.source.label("source"), ChunkRow.embedded_sha.label("sha")
    ).where(*_served(tenant, generation))
    return _joined(statement)


def _joined(statement: Select[*tuple[Any, ...]]) -> Any:
    return (
        statement.select_from(OccurrenceRow)
        .join(
            ChunkRow,
            (ChunkRow.tenant == OccurrenceRow.tenant)
            & (ChunkRow.generation == OccurrenceRow.generation)
            & (ChunkRow.id == OccurrenceRow.chunk_id),
        )
        .join(
            DocumentRow,
            (DocumentRow.tenant == OccurrenceRow.tenant)
            & (DocumentRow.id == OccurrenceRow.document_id),
        )
    )


def _places(
    session: Session, tenant: str, generation: str, shas: Sequence[str]
) -> dict[str, list[TextPlace]]:
    found: dict[str, list[TextPlace]] = {}
    for some in batches(sorted(set(shas))):
        statement = _joined(
            select(
                ChunkRow.embedded_sha,
                DocumentRow.source,
                DocumentRow.external_id,
                DocumentRow.title,
                DocumentRow.uri,
                OccurrenceRow.start,
                OccurrenceRow.end,
            ).where(*_served(tenant, generation), ChunkRow.embedded_sha.in_(some))
        ).order_by(DocumentRow.source, DocumentRow.external_id, OccurrenceRow.ordinal)
        for sha, *place in session.execute(statement):
            places = found.setdefault(sha, [])
            if len(places) < _PLACES:
                places.append(TextPlace(*place))
    return found
