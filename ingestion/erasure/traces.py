"""What an erased text leaves behind, so that it can be looked for: ids, vectors, pieces of bytes.

Held in memory while the erasure runs and never written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.orm import batches
from ingestion.models import ChunkRow, EmbeddingRow, GenerationRow, OccurrenceRow, VersionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.orm import Session

    from ingestion.erasure.comments import Comment

_PIECE = 48
_SHORTEST = 16
_VECTORS = 32


@dataclass(frozen=True, slots=True)
class Traces:
    """What is looked for afterwards.

    Attributes:
        points: ids of chunks that nothing else stands in, by generation.
        vectors: some of their vectors, as stored: chunk id and bytes, by generation.
        pieces: pieces of their texts, of stored extractions and of vectors, as bytes in the file.
    """

    points: dict[str, list[str]]
    vectors: dict[str, list[tuple[str, bytes]]]
    pieces: tuple[bytes, ...]

    def joined(self, points: Mapping[str, Iterable[str]], comments: Iterable[Comment]) -> Traces:
        """These, with further points, and with pieces of comments."""
        every = {
            name: sorted({*self.points.get(name, ()), *points.get(name, ())})
            for name in {*self.points, *points}
        }
        said = (_piece(one.text.encode("utf-8", "surrogatepass")) for one in comments)
        return replace(self, points=every, pieces=tuple(sorted(set(self.pieces).union(*said))))


def traces_of(session: Session, tenant: str, documents: Sequence[str]) -> Traces:
    """The traces of documents that are about to be erased, as far as nothing else shares them."""
    chunks: dict[str, list[ChunkRow]] = {}
    pieces: set[bytes] = set()
    going = set(documents)
    for some in batches(documents):
        for row in _own_chunks(session, tenant, some, going):
            chunks.setdefault(row.generation, []).append(row)
            pieces |= _piece(row.text.encode("utf-8", "surrogatepass"))
        for extraction in _own_extractions(session, tenant, some, going):
            pieces |= _piece(extraction)
    vectors = {}
    for generation, rows in chunks.items():
        vectors[generation] = _vectors(session, tenant, generation, rows[:_VECTORS])
        pieces |= {piece for _, vector in vectors[generation] for piece in _piece(vector)}
    points = {name: sorted({row.id for row in rows}) for name, rows in chunks.items()}
    return Traces(points, vectors, tuple(sorted(pieces)))


def lost_chunks(
    session: Session, tenant: str, documents: Sequence[str], shown: Iterable[str]
) -> set[str]:
    """Ids of chunks that stand, or stood when they were shown, in no documents but these."""
    going, lost = set(documents), set(shown)
    for some in batches(documents):
        lost |= set(
            session.scalars(
                select(OccurrenceRow.chunk_id)
                .where(OccurrenceRow.tenant == tenant, OccurrenceRow.document_id.in_(some))
                .distinct()
            )
        )
    for few in batches(sorted(lost)):
        stands = session.execute(
            select(OccurrenceRow.chunk_id, OccurrenceRow.document_id)
            .where(OccurrenceRow.tenant == tenant, OccurrenceRow.chunk_id.in_(few))
            .distinct()
        )
        lost -= {chunk for chunk, document in stands if document not in going}
    return lost


def _own_chunks(
    session: Session, tenant: str, some: Sequence[str], going: AbstractSet[str]
) -> list[ChunkRow]:
    """Chunks of some documents whose text stands in no document but those that go."""
    rows = session.scalars(
        select(ChunkRow)
        .join(
            OccurrenceRow,
            (OccurrenceRow.tenant == ChunkRow.tenant)
            & (OccurrenceRow.generation == ChunkRow.generation)
            & (OccurrenceRow.chunk_id == ChunkRow.id),
        )
        .where(OccurrenceRow.tenant == tenant, OccurrenceRow.document_id.in_(some))
        .distinct()
    ).all()
    stays = set()
    for few in batches(sorted({row.embedded_sha for row in rows})):
        stands = session.execute(
            select(ChunkRow.embedded_sha, OccurrenceRow.document_id)
            .join(
                OccurrenceRow,
                (OccurrenceRow.tenant == ChunkRow.tenant)
                & (OccurrenceRow.generation == ChunkRow.generation)
                & (OccurrenceRow.chunk_id == ChunkRow.id),
            )
            .where(ChunkRow.tenant == tenant, ChunkRow.embedded_sha.in_(few))
        )
        stays |= {sha for sha, document in stands if document not in going}
    return [row for row in rows if row.embedded_sha not in stays]


def _own_extractions(
    session: Session, tenant: str, some: Sequence[str], going: AbstractSet[str]
) -> list[bytes]:
    """Stored extractions of some documents whose text no document has but those that go."""
    rows = session.execute(
        select(VersionRow.text_sha256, VersionRow.extraction).where(
            VersionRow.tenant == tenant, VersionRow.document_id.in_(some)
        )
    ).all()
    stays = set()
    for few in batches(sorted({sha for sha, _ in rows})):
        told = session.execute(
            select(VersionRow.text_sha256, VersionRow.document_id).where(
                VersionRow.tenant == tenant, VersionRow.text_sha256.in_(few)
            )
        )
        stays |= {sha for sha, document in told if document not in going}
    return [extraction for sha, extraction in rows if sha not in stays]


def _vectors(
    session: Session, tenant: str, generation: str, rows: Sequence[ChunkRow]
) -> list[tuple[str, bytes]]:
    built = session.get_one(GenerationRow, generation)
    stored = session.execute(
        select(EmbeddingRow.sha, EmbeddingRow.vector).where(
            EmbeddingRow.tenant == tenant,
            EmbeddingRow.fingerprint == built.fingerprint,
            EmbeddingRow.sha.in_([row.embedded_sha for row in rows]),
        )
    )
    vectors = {sha: vector for sha, vector in stored}  # noqa: C416 - rows are no pairs
    return [(row.id, vectors[row.embedded_sha]) for row in rows if row.embedded_sha in vectors]


def _piece(stored: bytes) -> set[bytes]:
    """A piece out of the middle, which a page border rarely cuts; none of what is too short."""
    if len(stored) < _SHORTEST:
        return set()
    start = max(0, (len(stored) - _PIECE) // 2)
    return {bytes(stored[start : start + _PIECE])}
