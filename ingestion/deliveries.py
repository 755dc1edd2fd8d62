"""Deliveries: what a push source says of one document, and whether that still counts.

A delivery has a place in the source's own order (``sequence``). The last word on each document is
kept even when the document is gone, so what arrives late changes nothing and never brings back what
was deleted. Of two words with one sequence a deletion is the later. A delivery without a sequence
is later than whatever came before it, so it is as good as the order in which it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import select

from acl.orm import batches
from ingestion.labels import tags_text
from ingestion.models import DocumentRow, VersionRow, is_current
from ingestion.prepare import PREPARED_BY
from ingestion.records import DeliveryRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from ingestion.documents import SourceItem
    from ingestion.push_acls import PushedAcl

FIRST: Final = 0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Put:
    """A document as it is now. ``item.acl`` is not looked at: ``acl`` says under which it comes."""

    item: SourceItem
    content: bytes
    acl: PushedAcl

    @property
    def external_id(self) -> str:
        """Whose word it is."""
        return self.item.external_id

    @property
    def sequence(self) -> int | None:
        """Its place in the source's order: as given, or by when the document was modified."""
        given, at = self.item.sequence, self.item.modified_at
        if given is None and at is not None:
            return max(FIRST, (at - _EPOCH) // timedelta(microseconds=1))
        return given


@dataclass(frozen=True, slots=True)
class Delete:
    """Word that a document is gone."""

    external_id: str
    sequence: int | None = None


Delivery: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class Last:
    """The last word on a document."""

    sequence: int
    deleted: bool

    def outdates(self, delivery: Delivery) -> bool:
        """True if ``delivery`` is late."""
        sequence = delivery.sequence
        if sequence is None:
            return False
        if sequence == self.sequence:
            return self.deleted and isinstance(delivery, Put)
        return sequence < self.sequence


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as the catalogue serves it."""

    acl_id: str
    title: str
    uri: str
    media_type: str
    source_sha256: str
    sanitiser: str
    tags: str
    language: str | None

    def has_content(self, sha: str) -> bool:
        """True if it was made from these bytes."""
        return self.source_sha256 == sha

    def is_as(self, put: Put, sha: str, acl_id: str) -> bool:
        """True if delivering ``put`` would change nothing at all."""
        item = put.item
        return (
            (self.source_sha256, self.acl_id, self.uri, self.sanitiser)
            == (sha, acl_id, item.uri, PREPARED_BY)
            and item.title in {None, self.title}
            and item.media_type in {None, self.media_type}
            and (item.tags is None or tags_text(item.tags) == self.tags)
            and item.language in {None, self.language}
        )


def last_words(session: Session, tenant: str, ids: Sequence[str]) -> dict[str, DeliveryRow]:
    """The last word on each document that any was ever heard of, as rows to be changed."""
    return {
        row.document_id: row
        for some in batches(ids)
        for row in session.scalars(
            select(DeliveryRow).where(
                DeliveryRow.tenant == tenant, DeliveryRow.document_id.in_(some)
            )
        )
    }


def standing(session: Session, tenant: str, ids: Sequence[str]) -> dict[str, Standing]:
    """Those of the documents that are there."""
    found: dict[str, Standing] = {}
    for some in batches(ids):
        rows = session.execute(
            select(
                DocumentRow.id,
                DocumentRow.acl_id,
                DocumentRow.title,
                DocumentRow.uri,
                DocumentRow.media_type,
                VersionRow.source_sha256,
                VersionRow.sanitiser,
                DocumentRow.tags,
                DocumentRow.language,
            )
            .join(
                VersionRow,
                is_current(),
            )
            .where(
                DocumentRow.tenant == tenant,
                DocumentRow.deleted_at.is_(None),
                DocumentRow.id.in_(some),
            )
        )
        found.update((row[0], Standing(*row[1:])) for row in rows)
    return found
