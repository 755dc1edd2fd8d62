"""What an erasure would remove, worked out before anything is touched.

A document that was deleted still has its versions in the catalogue, so it is found like any other.
What never lives here: a write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from acl.digest import keyed
from ingestion.errors import ErasureError
from ingestion.models import DocumentRow, OccurrenceRow, VersionRow
from ingestion.prepare import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext

_PAGE = 64
_SHORTEST_TERM = 3


class By(StrEnum):
    """What an erasure was asked for by."""

    DOCUMENT = "document"
    SOURCE = "source"
    TERM = "term"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be erased.

    Attributes:
        by: what ``name`` is.
        name: a document's id or external id; a source's name; or a literal term, such as the name
            of a person, in any case, in a title, a name, an address or any stored version.
    """

    by: By
    name: str


@dataclass(frozen=True, slots=True)
class Doomed:
    """One document that would be erased."""

    id: str
    source: str
    external_id: str
    title: str
    versions: int
    places: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Every document an erasure would remove, in the order of their ids."""

    tenant: str
    subject: Subject
    documents: tuple[Doomed, ...]

    def digest(self, secret: bytes) -> str:
        """What the certificate says of the subject: a keyed digest, and not the name itself."""
        return keyed(secret, "erasure", self.tenant, self.subject.by, self.subject.name).hex()


def plan_erasure(context: IngestContext, tenant: str, subject: Subject) -> Plan:
    """Find every document an erasure would remove.

    Raises:
        ErasureError: the subject is too vague to be searched for, or there is no such thing.
    """
    if subject.by is By.TERM and len(subject.name.strip()) < _SHORTEST_TERM:
        raise ErasureError(
            f"a term has at least {_SHORTEST_TERM} characters: a shorter one stands everywhere"
        )
    with context.database.read(tenant) as session:
        found = tuple(_doomed(session, tenant, row) for row in _found(session, tenant, subject))
    if not found:
        raise ErasureError(
            f"nothing of tenant {tenant} answers to this {subject.by}: nothing was erased",
            code="nothing_to_erase",
        )
    return Plan(tenant, subject, found)


def _found(session: Session, tenant: str, subject: Subject) -> Iterator[DocumentRow]:
    match subject.by:
        case By.DOCUMENT:
            named = (DocumentRow.id == subject.name) | (DocumentRow.external_id == subject.name)
            yield from _pages(session, tenant, named)
        case By.SOURCE:
            yield from _pages(session, tenant, DocumentRow.source == subject.name)
        case By.TERM:
            says = _says(session, tenant, subject.name.strip().casefold())
            yield from (row for row in _pages(session, tenant) if says(row))


def _pages(session: Session, tenant: str, *where: ColumnElement[bool]) -> Iterator[DocumentRow]:
    """Documents, deleted ones too, a page at a time: bounded memory however many there are."""
    after = ""
    while True:
        rows = session.scalars(
            select(DocumentRow)
            .where(DocumentRow.tenant == tenant, DocumentRow.id > after, *where)
            .order_by(DocumentRow.id)
            .limit(_PAGE)
        ).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


def _says(session: Session, tenant: str, term: str) -> Callable[[DocumentRow], bool]:
    """Whether a document says a term, in what it is called or in any stored version."""

    def says(row: DocumentRow) -> bool:
        if any(term in name.casefold() for name in (row.title, row.external_id, row.uri)):
            return True
        stored = session.scalars(
            select(VersionRow.extraction).where(
                VersionRow.tenant == tenant, VersionRow.document_id == row.id
            )
        )
        return any(term in unpack(extraction).text.casefold() for extraction in stored)

    return says


def _doomed(session: Session, tenant: str, row: DocumentRow) -> Doomed:
    def count(model: type[VersionRow | OccurrenceRow]) -> int:
        where = (model.tenant == tenant, model.document_id == row.id)
        return session.scalar(select(func.count()).select_from(model).where(*where)) or 0

    return Doomed(
        row.id,
        row.source,
        row.external_id,
        row.title,
        count(VersionRow),
        count(OccurrenceRow),
        row.deleted_at is not None,
    )
