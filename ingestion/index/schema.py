"""How a generation is laid out in every engine of the Qdrant family.

Two named vectors: ``dense`` (dot product over vectors of length one, int8 copy in memory, no graph)
and ``bm25`` (sparse, IDF modifier). The payload is what filtering needs and nothing more: text,
titles and principals stay in the catalogue. What never lives here: engine types.

Without a graph an exact search costs what is visible and a filter costs nothing in recall. A graph
would also be shaped by hidden points; where one is wanted (a server with very wide views) it is
built per tenant (``payload_m``), and only approximate searches use it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from acl.conditions import ACL, SOURCE, TENANT
from ingestion.errors import IndexUnavailableError
from ingestion.index.port import MEDIA_TYPE

if TYPE_CHECKING:
    from ingestion.index.port import Point

DENSE: Final = "dense"
SPARSE: Final = "bm25"

KEYWORDS: Final = (TENANT, ACL, SOURCE, MEDIA_TYPE)
"""Payload fields with a keyword index, created before the first point; ``tenant`` is the
engine's tenant field, so that a tenant's points are stored together."""

GRAPH_LINKS: Final = 0
TENANT_GRAPH_LINKS: Final = 16  # Server only; embedded generations carry no graph at all.
GRAPH_BREADTH: Final = 100
QUANTILE: Final = 0.99
OVERSAMPLING: Final = 2.0

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def payload(point: Point) -> dict[str, str | list[str]]:
    """What an engine stores beside the vectors."""
    return {
        TENANT: point.tenant,
        ACL: point.acl,
        SOURCE: list(point.sources),
        MEDIA_TYPE: point.media_type,
    }


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
