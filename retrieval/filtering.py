"""Applying a filter: whether the index can answer it, and which places of a chunk satisfy it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acl.conditions import SOURCE, stands
from ingestion.active import generation_row
from ingestion.errors import IndexOutdatedError
from ingestion.index.facets import LAYOUT
from ingestion.labels import read_tags
from ingestion.rows import facets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acl.conditions import Condition
    from acl.orm import Database
    from ingestion.catalog import Place, StoredChunk
    from ingestion.index.facets import Facets


def require_layout(database: Database, generation: str, own: tuple[Condition, ...]) -> None:
    """Make sure that a generation holds what a filter asks for.

    Every generation knows the sources of a chunk; the rest only those built since it is stored.

    Raises:
        IndexOutdatedError: it does not. An answer from it would leave out what it should find.
    """
    if all(condition.field == SOURCE for condition in own):
        return
    row = generation_row(database, generation)
    if row is not None and row.layout < LAYOUT:
        raise IndexOutdatedError(
            "filters: the index was built by an older version and knows documents by their source "
            "alone; filter on source, or have an operator run 'clearance reindex --full'"
        )


def standing_where(
    chunks: Mapping[str, StoredChunk], own: tuple[Condition, ...]
) -> dict[str, StoredChunk]:
    """Chunks with the places that satisfy ``own``, and none without one.

    The index has been asked the same. Asked again of the catalogue it decides what is cited, and
    leaves out what has been written since.
    """
    rest = [condition for condition in own if condition.field != SOURCE]  # read by source already
    if not rest:
        return dict(chunks)
    kept = {}
    for ident, chunk in chunks.items():
        places = tuple(place for place in chunk.places if stands(rest, _facets(place).fields()))
        if places:
            kept[ident] = replace(chunk, places=places)
    return kept


def _facets(place: Place) -> Facets:
    return facets(
        place.source,
        place.document_id,
        place.media_type,
        place.modified_at,
        tags=read_tags(place.tags),
        language=place.language,
    )
