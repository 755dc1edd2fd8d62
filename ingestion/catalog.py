"""What the query path reads of the catalogue: candidates with their documents, in one statement.

Every read takes an :class:`acl.scope.AccessScope` and carries it as a predicate; what it returns
is still rechecked by the caller, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, bindparam, func, select, text

from acl.digest import keyed
from acl.orm import prepared
from acl.view import bound, predicate, visible
from ingestion.models import (
    ChunkRow,
    ChunkState,
    DocumentRow,
    EmbeddingRow,
    GenerationRow,
    GenerationState,
    OccurrenceRow,
    SourceRow,
    VersionRow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row as AnyRow
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from acl.scope import AccessScope

    Row = AnyRow[Any]

_SHARES = 1_000
_CHUNK = 7  # how many of the selected columns describe the chunk; the rest describe the place
_ORDINAL = _CHUNK + 6


@dataclass(frozen=True, slots=True)
class Place:
    """One visible place where a chunk stands, with its document, version and source."""

    document_id: str
    source: str
    title: str
    uri: str
    version: int
    page: int | None
    ordinal: int
    start: int
    end: int
    text_sha256: str
    source_sha256: str
    offsets: bytes
    findings: str
    checked_at: datetime
    modified_at: datetime | None
    pending_since: datetime | None = None
    media_type: str = ""
    tags: str = "[]"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the catalogue holds it: live, under an ACL of the scope."""

    id: str
    tenant: str
    acl_id: str
    text: str
    heading_path: str
    tokens: int
    vector: bytes | None
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class SourceState:
    """What freshness needs of a source."""

    name: str
    max_age_seconds: int | None
    on_stale: str
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Serving:
    """The active generation, and the one on trial (a canary) with its share of the queries."""

    active: str | None
    trial: str | None
    permille: int

    def answering(self, secret: bytes, *asked: str) -> str | None:
        """The generation that answers what was ``asked``: a keyed function of it and nothing else.

        Args:
            secret: keys the choice, so that nobody can tell it from outside.
            asked: the tenant, the caller's principals, the question.
        """
        if self.trial is None:
            return self.active
        drawn = int.from_bytes(keyed(secret, "canary", self.trial, *asked)) % _SHARES
        return self.trial if drawn < self.permille else self.active


def served_generation(session: Session) -> str | None:
    """The id of the active generation in this session's snapshot; None before anything came in."""
    return session.scalar(_served())


def serving(session: Session) -> Serving:
    """Which generations answer queries in this session's snapshot."""
    active, trial, permille = None, None, 0
    for ident, state, share in session.execute(_serving()):
        if state == GenerationState.ACTIVE:
            active = ident
        else:
            trial, permille = ident, share
    return Serving(active, trial, permille)


def in_flight(session: Session, scope: AccessScope, generation: str) -> frozenset[str]:
    """Visible chunk ids that are being written or removed, and must not be searched."""
    values = bound(scope) | {"generation": generation}
    return frozenset(session.scalars(_in_flight(), values))


def fetch(
    session: Session,
    scope: AccessScope,
    generation: str,
    ids: Sequence[str],
    *,
    fingerprint: str,
    sources: Sequence[str] | None = None,
) -> dict[str, StoredChunk]:
    """The live, visible chunks among ``ids``, each with every visible place it stands in.

    Args:
        session: a read session of the caller's tenant.
        scope: whose view.
        generation: the active generation.
        ids: chunk ids, as the index gave them.
        fingerprint: of the embedder whose vectors to bring along.
        sources: if given, only places in these sources count.
    """
    counted = scope.within(sources)
    values = bound(scope) | {
        "generation": generation,
        "fingerprint": fingerprint,
        "chunks": list(ids),
        "sources": sorted(counted or ()),
    }
    rows: dict[str, list[Row]] = {}
    for row in session.execute(_fetch(narrowed=counted is not None), values):
        rows.setdefault(row[0], []).append(row)
    return {ident: _stored(places) for ident, places in rows.items()}


def locate(
    session: Session, scope: AccessScope, ids: Sequence[str]
) -> dict[str, tuple[str, StoredChunk]]:
    """The live, visible chunks among ``ids`` and the generation each was found in.

    The active generation first, then those that could have answered: what was served before a
    promotion, or by a canary, can still be followed up. Each of them holds what the active one
    holds, under the same ACLs, so it is the same question asked of another cut.
    """
    found: dict[str, tuple[str, StoredChunk]] = {}
    if scope.empty:
        return found
    for generation in session.scalars(_findable()):
        left = [ident for ident in ids if ident not in found]
        if not left:
            break
        chunks = fetch(session, scope, generation, left, fingerprint="")
        found.update((ident, (generation, chunk)) for ident, chunk in chunks.items())
    return found


def beside(
    session: Session, scope: AccessScope, generation: str, place: Place, *, reach: int
) -> list[tuple[int, StoredChunk]]:
    """Visible chunks up to ``reach`` before and after a place in its document, by ordinal."""
    values = bound(scope) | {
        "generation": generation,
        "fingerprint": "",
        "document": place.document_id,
        "ordinal": place.ordinal,
        "reach": reach,
    }
    rows = session.execute(_beside(), values)
    return [(row[_ORDINAL], _stored([row])) for row in rows]


def _stored(rows: Sequence[Row]) -> StoredChunk:
    """One chunk from its rows, one row for each place."""
    places = tuple(Place(*row[_CHUNK:]) for row in rows)
    return StoredChunk(*(*rows[0][:_CHUNK], places))


# The statements are built once: on the query path, building them costs more than running them.


@prepared
def _served() -> Select[str]:
    return select(GenerationRow.id).where(GenerationRow.state == GenerationState.ACTIVE.value)


@prepared
def _findable() -> Select[str]:
    states = [GenerationState.ACTIVE.value, GenerationState.READY.value]
    return (
        select(GenerationRow.id)
        .where(GenerationRow.state.in_(states))
        .order_by(GenerationRow.state, GenerationRow.id)  # "active" sorts before "ready"
    )


@prepared
def _serving() -> Select[str, str, int]:
    return select(GenerationRow.id, GenerationRow.state, GenerationRow.canary_permille).where(
        (GenerationRow.state == GenerationState.ACTIVE.value)
        | (
            (GenerationRow.state == GenerationState.READY.value)
            & (GenerationRow.canary_permille > 0)
        )
    )


@prepared
def _in_flight() -> Select[*tuple[Any, ...]]:
    return select(ChunkRow.id).where(
        ChunkRow.generation == bindparam("generation"),
        ChunkRow.state != text("'live'"),  # literal, so that the partial index applies
        predicate(ChunkRow.tenant, ChunkRow.acl_id),
    )


@prepared
def _source_states() -> Select[*tuple[Any, ...]]:
    return select(
        SourceRow.name,
        SourceRow.max_age_seconds,
        SourceRow.on_stale,
        SourceRow.last_attempt_at,
        SourceRow.last_success_at,
        SourceRow.last_error,
    ).where(
        SourceRow.tenant == bindparam("of_tenant"),
        SourceRow.name.in_(bindparam("names", expanding=True)),
    )


@prepared
def _fetch(*, narrowed: bool) -> Select[*tuple[Any, ...]]:
    statement = _places().where(ChunkRow.id.in_(bindparam("chunks", expanding=True)))
    if narrowed:
        statement = statement.where(DocumentRow.source.in_(bindparam("sources", expanding=True)))
    return statement


@prepared
def _beside() -> Select[*tuple[Any, ...]]:
    here, reach = bindparam("ordinal", type_=Integer), bindparam("reach", type_=Integer)
    return (
        _places()
        .where(
            OccurrenceRow.document_id == bindparam("document"),
            OccurrenceRow.ordinal.between(here - reach, here + reach),
            OccurrenceRow.ordinal != here,
        )
        .order_by(OccurrenceRow.ordinal)
    )


def _places() -> Select[*tuple[Any, ...]]:
    """Chunks joined to where they stand; the scope holds for the chunk and for the document."""
    columns: Select[*tuple[Any, ...]] = select(
        ChunkRow.id,
        ChunkRow.tenant,
        ChunkRow.acl_id,
        ChunkRow.text,
        ChunkRow.heading_path,
        ChunkRow.tokens,
        EmbeddingRow.vector,
        DocumentRow.id,
        DocumentRow.source,
        DocumentRow.title,
        DocumentRow.uri,
        OccurrenceRow.version,
        OccurrenceRow.page,
        OccurrenceRow.ordinal,
        OccurrenceRow.start,
        OccurrenceRow.end,
        OccurrenceRow.text_sha256,
        VersionRow.source_sha256,
        OccurrenceRow.offsets,
        OccurrenceRow.findings,
        DocumentRow.checked_at,
        DocumentRow.modified_at,
        DocumentRow.pending_since,
        DocumentRow.media_type,
        DocumentRow.tags,
        DocumentRow.language,
    )
    return (
        columns.join(
            OccurrenceRow,
            (OccurrenceRow.tenant == ChunkRow.tenant)
            & (OccurrenceRow.generation == ChunkRow.generation)
            & (OccurrenceRow.chunk_id == ChunkRow.id),
        )
        .join(
            DocumentRow,
            (DocumentRow.tenant == OccurrenceRow.tenant)
            & (DocumentRow.id == OccurrenceRow.document_id)
            # A move changes document and chunks in one transaction; if they ever disagreed, the
            # stricter reading wins.
            & (DocumentRow.acl_id == ChunkRow.acl_id)
            & (DocumentRow.version == OccurrenceRow.version),
        )
        .join(
            VersionRow,
            (VersionRow.tenant == DocumentRow.tenant)
            & (VersionRow.document_id == DocumentRow.id)
            & (VersionRow.number == OccurrenceRow.version),
        )
        .outerjoin(
            EmbeddingRow,
            (EmbeddingRow.tenant == ChunkRow.tenant)
            & (EmbeddingRow.fingerprint == bindparam("fingerprint"))
            & (EmbeddingRow.sha == ChunkRow.embedded_sha),
        )
        .where(
            ChunkRow.generation == bindparam("generation"),
            ChunkRow.state == ChunkState.LIVE.value,
            DocumentRow.deleted_at.is_(None),
            predicate(ChunkRow.tenant, ChunkRow.acl_id),
        )
    )


def source_states(session: Session, tenant: str, names: Sequence[str]) -> dict[str, SourceState]:
    """What freshness needs of the named sources."""
    rows = session.execute(_source_states(), {"of_tenant": tenant, "names": list(names)})
    return {row.name: SourceState(*row) for row in rows}


def visible_documents(session: Session, scope: AccessScope) -> dict[str, int]:
    """How many documents of each source the caller can see; sources without any are absent."""
    rows = session.execute(
        select(DocumentRow.source, func.count())
        .where(
            DocumentRow.deleted_at.is_(None),
            visible(scope, DocumentRow.tenant, DocumentRow.acl_id, DocumentRow.source),
        )
        .group_by(DocumentRow.source)
    )
    return {source: count for source, count in rows}  # noqa: C416 - rows are not tuples of two


def pending_documents(session: Session, scope: AccessScope) -> dict[str, int]:
    """Of how many documents of each source the caller sees an outdated version; others are absent.

    Outdated means that the source is known to hold a newer one.
    """
    shown = visible(scope, DocumentRow.tenant, DocumentRow.acl_id, DocumentRow.source)
    rows = session.execute(
        select(DocumentRow.source, func.count())
        .where(DocumentRow.deleted_at.is_(None), DocumentRow.pending_since.is_not(None), shown)
        .group_by(DocumentRow.source)
    )
    return {source: count for source, count in rows}  # noqa: C416 - rows are not tuples of two
