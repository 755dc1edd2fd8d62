"""How a generation is laid out in every engine of the Qdrant family.

Two named vectors: ``dense`` (dot product over vectors of length one, int8 copy in memory, no graph)
and ``bm25`` (sparse, IDF modifier). The payload is what filtering needs and nothing more: text,
titles and principals stay in the catalogue. What never lives here: engine types.

What can be filtered on of a chunk's places is stored field by field, each with an index, as the
values of all of them. For a chunk of one place that is exact. One of several is marked, and has
them stored apart as well: an engine that finds every field of a filter somewhere in such a chunk
then asks whether they meet in one place. That costs a look at the stored payload, so only marked
points pay for it.

Without a graph an exact search costs what is visible and a filter costs nothing in recall. A graph
would also be shaped by hidden points; where one is wanted (a server with very wide views) it is
built per tenant (``payload_m``), and only approximate searches use it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from acl.conditions import ACL, TENANT
from ingestion.errors import IndexUnavailableError
from ingestion.index.facets import KEYWORD_FACETS, MODIFIED, TAGS, ordered

if TYPE_CHECKING:
    from collections.abc import Collection

    from ingestion.index.facets import Facets
    from ingestion.index.port import Point

DENSE: Final = "dense"
SPARSE: Final = "bm25"

STANDS: Final = "stands"
ONCE: Final = "once"
OFTEN: Final = "often"
PLACES: Final = "places"

KEYWORDS: Final = (TENANT, ACL, *KEYWORD_FACETS, STANDS)
"""Payload fields with a keyword index, created before the first point; ``tenant`` is the
engine's tenant field, so that a tenant's points are stored together."""

NUMBERS: Final = (MODIFIED,)
"""Payload fields with an index over ranges of integers."""

GRAPH_LINKS: Final = 0
TENANT_GRAPH_LINKS: Final = 16  # Server only; embedded generations carry no graph at all.
GRAPH_BREADTH: Final = 100
QUANTILE: Final = 0.99
OVERSAMPLING: Final = 2.0

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def payload(point: Point) -> dict[str, object]:
    """What an engine stores beside the vectors."""
    return {TENANT: point.tenant, ACL: point.acl, **placed(point.places)}


def placed(places: Collection[Facets]) -> dict[str, object]:
    """The part of the payload that says where a chunk stands; always the same keys."""
    each = [one.fields() for one in ordered(places)]
    stored: dict[str, object] = {
        field: sorted({value for one in each for value in _values(one[field])})
        for field in KEYWORD_FACETS
    }
    stored[MODIFIED] = sorted({p.modified for p in places if p.modified is not None})
    stored[STANDS] = OFTEN if len(each) > 1 else ONCE
    apart = each if len(each) > 1 else []
    stored[PLACES] = [{**one, TAGS: list(_values(one[TAGS]))} for one in apart]
    return stored


def _values(held: str | int | tuple[str, ...] | None) -> tuple[str, ...]:
    """What a place holds in one field, as the words it is found by."""
    if isinstance(held, tuple):
        return held
    return () if held is None else (str(held),)


def checked_name(generation: str) -> str:
    """Return a generation's name if it can stand in a path and a collection name.

    Raises:
        IndexUnavailableError: it cannot (code ``invalid_generation``).
    """
    if not _NAME.fullmatch(generation):
        raise IndexUnavailableError(
            f"generation {generation[:80]!r}: use letters, digits, '.', '_' and '-' only, "
            "at most 128, beginning with a letter or digit",
            code="invalid_generation",
        )
    return generation


def dimension_mismatch(generation: str, *, held: int, asked: int) -> IndexUnavailableError:
    """The error of opening a generation with another embedder than it was built with."""
    return IndexUnavailableError(
        f"generation {generation!r}: it holds {held} dimensions, not {asked}; "
        "reindex into a new generation",
        code="index_mismatch",
    )


def missing(generation: str) -> IndexUnavailableError:
    """The error of asking a generation that was dropped or never made."""
    return IndexUnavailableError(
        f"generation {generation!r}: there is none of this name; run 'clearance generations list'",
        code="index_missing",
    )
