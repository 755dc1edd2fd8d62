"""What can be filtered on of the places a chunk stands in, and the fields it is stored under.

Equal text under one ACL is one chunk, whatever the number of documents that say it. A filter holds
of one place as a whole: a chunk of an old report and a new memo is no old memo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from acl.conditions import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DOCUMENT: Final = "document"
MEDIA_TYPE: Final = "media_type"
MODIFIED: Final = "modified"
TAGS: Final = "tags"
LANGUAGE: Final = "language"

KEYWORD_FACETS: Final = (SOURCE, DOCUMENT, MEDIA_TYPE, TAGS, LANGUAGE)
NUMBER_FACETS: Final = (MODIFIED,)
FILTERABLE_FIELDS: Final = frozenset({*KEYWORD_FACETS, *NUMBER_FACETS})

LAYOUT: Final = 2
"""The layout of what is stored to be filtered on. A generation of an older one answers filters on
sources alone, and every field once it has been built anew.

A field that came later needs no new one if a point without it means a document without it, as with
tags and language: what an older point lacks, its document lacks too."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Facets:
    """One place of a chunk, as far as it can be filtered on.

    Attributes:
        source: name of the document's source.
        document: id of the document.
        media_type: what its content turned out to be.
        modified: :func:`ticks` of when the source says it was modified; None if it does not.
        tags: as of :mod:`ingestion.labels`, sorted.
        language: likewise; None if nobody says.
    """

    source: str
    document: str
    media_type: str
    modified: int | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None

    def fields(self) -> dict[str, str | int | tuple[str, ...] | None]:
        """The same by field name."""
        return {
            SOURCE: self.source,
            DOCUMENT: self.document,
            MEDIA_TYPE: self.media_type,
            MODIFIED: self.modified,
            TAGS: self.tags,
            LANGUAGE: self.language,
        }


def ordered(places: Iterable[Facets]) -> tuple[Facets, ...]:
    """Each place once, in an order that depends on nothing else."""
    return tuple(
        sorted(
            set(places),
            key=lambda one: (
                one.source,
                one.document,
                one.media_type,
                one.modified is not None,
                one.modified or 0,
                one.tags,
                one.language or "",
            ),
        )
    )


def portions(
    changes: Mapping[str, tuple[Facets, ...]], *, most: int
) -> Iterator[dict[str, tuple[Facets, ...]]]:
    """Changes of places in portions of about ``most`` places, each chunk whole and in one of them.

    A chunk may stand in thousands of documents, and what travels has a largest size.
    """
    portion: dict[str, tuple[Facets, ...]] = {}
    weight = 0
    for chunk, places in changes.items():
        if portion and weight + len(places) > most:
            yield portion
            portion, weight = {}, 0
        portion[chunk] = places
        weight += len(places) + 1
    if portion:
        yield portion


def ticks(at: datetime) -> int:
    """An instant as whole microseconds since 1970, negative before; ``at`` must be aware.

    Engines compare numbers as float64, which tells neighbouring microseconds apart until 2255.
    """
    return (at - _EPOCH) // _TICK
