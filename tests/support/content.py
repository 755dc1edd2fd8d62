"""What an installation holds, read from its tables and its memory index, and whether it agrees.

:func:`content` is everything a reader could tell two installations apart by, clocks and version
numbers aside. :func:`assert_consistent` recounts from scratch what the product keeps incrementally.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from acl.models import AclContentRow, AclRow
from ingestion.index.facets import Facets
from ingestion.models import (
    ChunkRow,
    ChunkState,
    DocumentRow,
    GenerationContentRow,
    GenerationRow,
    GenerationState,
    OccurrenceRow,
    VersionRow,
)
from ingestion.plan import chunk_id, occurrence_hash
from ingestion.prepare import text_sha256, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from ingestion.index.memory import MemoryHost
    from ingestion.index.port import Point
    from tests.support.installation import Installation


def dump(installation: Installation) -> list[str]:
    """Every row of the catalogue as SQL, to see whether anything at all was written."""
    with installation.runtime.database.writer.connect() as connection:
        return list(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]


def active(installation: Installation) -> str:
    """The id of the one active generation."""
    with installation.runtime.database.unguarded("a test looks at everything") as session:
        states = {row.id: row.state for row in session.scalars(select(GenerationRow))}
    found = [ident for ident, state in states.items() if state == GenerationState.ACTIVE]
    assert len(found) == 1, states
    return found[0]


def points(host: MemoryHost, generation: str) -> dict[str, Point]:
    """The points of a generation, by id; none if it was never opened."""
    index = host._indexes.get(generation)
    return {} if index is None else dict(index._engine._points)  # type: ignore[attr-defined]


def content(installation: Installation, host: MemoryHost) -> dict[str, Any]:
    """Documents, chunks, occurrences, ACLs and points, by what they are and not by when."""
    generation = active(installation)
    with installation.runtime.database.unguarded("a test looks at everything") as session:
        acls = {row.id: row for row in session.scalars(select(AclRow))}
        held = {row.id: row for row in session.scalars(select(DocumentRow))}
        versions = {(v.document_id, v.number): v for v in session.scalars(select(VersionRow))}
        chunks = _rows(session, ChunkRow, generation)
        occurrences = _rows(session, OccurrenceRow, generation)
        return {
            "documents": {
                (row.tenant, row.source, row.external_id): (
                    row.id,
                    row.title,
                    row.uri,
                    row.media_type,
                    acls[row.acl_id].name,
                    versions[row.id, row.version].source_sha256,
                    versions[row.id, row.version].text_sha256,
                )
                for row in held.values()
                if row.deleted_at is None
            },
            "chunks": {
                row.id: (row.tenant, row.acl_id, row.state, row.text, row.heading_path, row.tokens)
                for row in chunks
            },
            "occurrences": sorted(
                (
                    *(row.document_id, row.ordinal, row.chunk_id, row.start, row.end),
                    *(row.text_sha256, row.offsets, row.findings),
                )
                for row in occurrences
            ),
            "live chunks": {row.id: row.live_chunks for row in acls.values() if row.live_chunks},
            "points": {
                ident: (point.tenant, point.acl, point.places, point.dense.tobytes(), point.sparse)
                for ident, point in points(host, generation).items()
            },
        }


def assert_consistent(
    installation: Installation,
    host: MemoryHost,
    *,
    generation: str | None = None,
    wider_places: bool = False,
) -> None:
    """Everything kept incrementally equals a recount, and catalogue and index agree.

    Args:
        installation: whose catalogue.
        host: its index.
        generation: which to recount; None for the active one.
        wider_places: tolerate points that name a place they have left, as after a death between
            the mark and the clean-up: it costs a candidate that the catalogue refuses.
    """
    served, secret = active(installation), installation.runtime.secret
    generation = served if generation is None else generation
    with installation.runtime.database.unguarded("a test recounts everything") as session:
        acls = {row.id: row for row in session.scalars(select(AclRow))}
        documents = {row.id: row for row in session.scalars(select(DocumentRow))}
        versions = {(v.document_id, v.number): v for v in session.scalars(select(VersionRow))}
        chunks = {row.id: row for row in _rows(session, ChunkRow, generation)}
        occurrences = _rows(session, OccurrenceRow, generation)
        books: list[Any] = list(session.scalars(select(AclContentRow)))
        if generation != served:
            books = _rows(session, GenerationContentRow, generation)
        guarded = {(row.acl_id, row.source): (row.occurrences, row.content_hash) for row in books}
        session.expunge_all()
    for row in chunks.values():
        assert row.state == ChunkState.LIVE, "nothing is in flight after a completed write"
        assert row.id == chunk_id(secret, row.tenant, row.acl_id, row.embedded_sha)
    places: dict[str, set[Facets]] = defaultdict(set)
    hashes: dict[tuple[str, str], int] = defaultdict(int)
    standing: dict[tuple[str, str], int] = defaultdict(int)
    for row in occurrences:
        document, chunk = documents[row.document_id], chunks[row.chunk_id]
        assert document.deleted_at is None, "a tombstoned document has no occurrences"
        assert (document.acl_id, document.version) == (chunk.acl_id, row.version)
        extracted = unpack(versions[document.id, document.version].extraction).text
        assert row.text_sha256 == text_sha256(extracted[row.start : row.end])
        places[chunk.id].add(_facets(document))
        where = (chunk.acl_id, document.source)
        hashes[where] += _hash(secret, row, document)
        standing[where] += 1
    assert places.keys() == chunks.keys(), "every chunk stands somewhere, and only chunks do"
    counts = _count(row.acl_id for row in chunks.values())
    for acl in acls.values() if generation == served else ():
        assert acl.live_chunks == counts[acl.id], acl.name
    expected = {
        where: (standing[where], (total % (1 << 256)).to_bytes(32, "big"))
        for where, total in hashes.items()
    }
    assert guarded == expected
    indexed = points(host, generation)
    assert indexed.keys() == chunks.keys()
    for ident, point in indexed.items():
        assert (point.tenant, point.acl) == (chunks[ident].tenant, chunks[ident].acl_id)
        wider = set(point.places) >= places[ident]
        assert wider if wider_places else set(point.places) == places[ident], point.places


def _rows(session: Session, model: Any, generation: str) -> list[Any]:
    return list(session.scalars(select(model).where(model.generation == generation)))


def _facets(row: DocumentRow) -> Facets:
    """What can be filtered on, said again on purpose, as the hash is below."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    modified = None
    if row.modified_at is not None:
        age = row.modified_at - epoch
        modified = (age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds
    tags = tuple(json.loads(row.tags))
    return Facets(row.source, row.id, row.media_type, modified, tags, row.language)


def _hash(secret: bytes, row: OccurrenceRow, document: DocumentRow) -> int:
    """What counts, said again on purpose: the product's own word could not contradict it."""
    unlabelled = document.tags == "[]" and document.language is None
    labels = "" if unlabelled else f"\0{document.language or ''}\0{document.tags}"
    item = occurrence_hash(
        secret,
        row.chunk_id,
        row.document_id,
        row.version,
        span=(row.start, row.end),
        label=f"{document.title}\0{document.uri}{labels}",
    )
    return int.from_bytes(item, "big")


def _count(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return counts
