"""What every source of documents can do.

What never lives here: a source, or policy. A source states which ACL an item stands under; whether
that admits anybody is decided elsewhere, and an item without one is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ingestion.documents import AclSpec, Removal, SourceFailure, SourceItem


@runtime_checkable
class Source(Protocol):
    """A configured origin of documents.

    A run calls ``acls`` first, then walks ``list_items``, and fetches what has changed. Listing is
    lazy and in a deterministic order, so that an interrupted run can be resumed and two runs over
    the same content do the same. One broken item is a ``SourceFailure`` among the items; only a
    source that cannot be listed at all raises.
    """

    @property
    def name(self) -> str:
        """The source's name within its tenant; part of the names of its ACLs."""
        ...

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs its items refer to, each parent before its children.

        Raises:
            SourceError: The source cannot be read.
        """
        ...

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield what there is, without reading content.

        Raises:
            SourceError: The source cannot be read.
        """
        ...

    def fetch(self, item: SourceItem) -> bytes:
        """Return the original bytes of an item this source listed.

        Raises:
            SourceError: The item is gone, unreadable or no longer where it was listed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What a source says happened since a cursor.

    Attributes:
        items: What is new or changed, what is gone, and what could not be offered. Lazy: to be
            walked once, to its end, before the cursor may be kept.
        cursor: Where the next call goes on from, once every item has been dealt with. Opaque.
        complete: True if ``items`` is everything there is, so that what is absent is gone; False
            if only the ``Removal`` among them are.
    """

    items: Iterator[SourceItem | SourceFailure | Removal]
    cursor: str
    complete: bool


@runtime_checkable
class TellsChanges(Protocol):
    """What a source may offer besides ``Source``: what changed, without listing everything."""

    def changes(self, cursor: str | None) -> Changes:
        """Return what happened since ``cursor``.

        Args:
            cursor: As an earlier call gave it; None asks for everything.

        Raises:
            SourceError: The source cannot be read, or does not know this cursor.
        """
        ...
