"""What the catalogue holds of a source, some documents at a time, to compare a listing with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from acl.orm import batches
from ingestion.labels import tags_text
from ingestion.models import DocumentRow, VersionRow, is_current
from ingestion.prepare import PREPARED_BY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.documents import SourceItem

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """What the catalogue holds of one document."""

    document_id: str
    acl_id: str
    uri: str
    source_sha256: str
    sanitiser: str
    revision: str | None
    tags: str
    language: str | None
    deleted: bool

    def stands(self, acl_id: str, item: SourceItem) -> bool:
        """True if it is under this ACL and labelled so, and was made as it would be made now."""
        return (
            (self.acl_id, self.uri, self.sanitiser) == (acl_id, item.uri, PREPARED_BY)
            and (item.tags is None or tags_text(item.tags) == self.tags)
            and item.language in {None, self.language}
        )

    def is_at(self, revision: str | None) -> bool:
        """True if its source marks its content as it did when it was last fetched."""
        return revision is not None and not self.deleted and self.revision == revision


def held_among(session: Session, tenant: str, source: str, names: Sequence[str]) -> dict[str, Held]:
    """What the catalogue holds of a source under some external ids, by external id."""
    found: dict[str, Held] = {}
    for some in batches(names):
        rows = session.execute(
            select(
                DocumentRow.external_id,
                DocumentRow.id,
                DocumentRow.acl_id,
                DocumentRow.uri,
                VersionRow.source_sha256,
                VersionRow.sanitiser,
                DocumentRow.revision,
                DocumentRow.tags,
                DocumentRow.language,
                DocumentRow.deleted_at,
            )
            .join(
                VersionRow,
                is_current(),
            )
            .where(
                DocumentRow.tenant == tenant,
                DocumentRow.source == source,
                DocumentRow.external_id.in_(some),
            )
        )
        found.update((row[0], Held(*row[1:9], deleted=row[9] is not None)) for row in rows)
    return found


def taken(session: Session, tenant: str, ids: Collection[str]) -> set[str]:
    """Those of some document ids that are a document's, of whatever name."""
    found: set[str] = set()
    for some in batches(sorted(ids)):
        found.update(
            session.scalars(
                select(DocumentRow.id).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
            )
        )
    return found


def live_count(context: IngestContext, tenant: str, source: str) -> int:
    """How many documents of a source are there."""
    with context.database.read(tenant) as session:
        return session.scalar(select(func.count()).where(*_live(tenant, source))) or 0


def live_documents(
    context: IngestContext, tenant: str, source: str, *, beneath: str = ""
) -> Iterator[list[tuple[str, str]]]:
    """Ids and external ids of the documents that are there, some at a time, by external id.

    Args:
        context: the installation.
        tenant: whose.
        source: which source's.
        beneath: only those whose external id begins so.
    """
    last = ""
    while True:
        # A session for each page: whoever walks them may write in between.
        with context.database.read(tenant) as session:
            page = session.execute(
                select(DocumentRow.id, DocumentRow.external_id)
                .where(*_live(tenant, source), DocumentRow.external_id > last)
                .where(DocumentRow.external_id.startswith(beneath, autoescape=True))
                .order_by(DocumentRow.external_id)
                .limit(_PAGE)
            ).all()
        if not page:
            return
        last = page[-1][1]
        # What LIKE lets through depends on the database; what a folder holds does not.
        yield [(ident, name) for ident, name in page if name.startswith(beneath)]


def _live(tenant: str, source: str) -> tuple[ColumnElement[bool], ...]:
    return (
        DocumentRow.tenant == tenant,
        DocumentRow.source == source,
        DocumentRow.deleted_at.is_(None),
    )
