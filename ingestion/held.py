"""What the catalogue holds of a source, to compare a listing with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from ingestion.models import DocumentRow, VersionRow
from ingestion.prepare import PREPARED_BY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.context import IngestContext
    from ingestion.documents import SourceFailure, SourceItem


@dataclass(frozen=True, slots=True)
class Held:
    """What the catalogue holds of one document."""

    document_id: str
    acl_id: str
    uri: str
    source_sha256: str
    sanitiser: str
    deleted: bool

    def stands(self, acl_id: str, uri: str) -> bool:
        """True if it is under this ACL and at this place, and was made as it would be made now."""
        return (self.acl_id, self.uri, self.sanitiser) == (acl_id, uri, PREPARED_BY)


def held_documents(context: IngestContext, tenant: str, source: str) -> dict[str, Held]:
    """What the catalogue holds of a source, by external id."""
    with context.database.read(tenant) as session:
        rows = session.execute(
            select(
                DocumentRow.external_id,
                DocumentRow.id,
                DocumentRow.acl_id,
                DocumentRow.uri,
                VersionRow.source_sha256,
                VersionRow.sanitiser,
                DocumentRow.deleted_at,
            )
            .join(
                VersionRow,
                (VersionRow.tenant == DocumentRow.tenant)
                & (VersionRow.document_id == DocumentRow.id)
                & (VersionRow.number == DocumentRow.version),
            )
            .where(DocumentRow.tenant == tenant, DocumentRow.source == source)
        )
        return {row[0]: Held(*row[1:6], deleted=row[6] is not None) for row in rows}


def gone(listing: Sequence[SourceItem | SourceFailure], held: Mapping[str, Held]) -> list[str]:
    """Documents that are held and no longer listed. What could not be seen is not gone.

    A failed entry keeps what it names; one that names a folder (``…/``) keeps all beneath it.
    """
    seen = {entry.external_id for entry in listing}
    unseen = tuple(name for name in seen if name.endswith("/"))
    missing = (name for name, row in held.items() if name not in seen and not row.deleted)
    return [name for name in missing if not name.startswith(unseen)] if unseen else list(missing)
