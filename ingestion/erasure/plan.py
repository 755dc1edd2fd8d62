"""What an erasure would remove, worked out before anything is touched.

A document that was deleted still has its versions in the catalogue, so it is found like any other.
What never lives here: a write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from acl.digest import keyed
from acl.orm import batches
from ingestion.erasure.begun import Begun, new_id, unfinished
from ingestion.erasure.traces import lost_chunks
from ingestion.errors import ErasureError
from ingestion.labels import read_tags
from ingestion.models import DocumentRow, OccurrenceRow, VersionRow
from ingestion.prepare import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.erasure.comments import Comment, Comments

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
    """Everything an erasure would remove.

    Attributes:
        tenant: whose.
        documents: those that are there, in the order of their ids.
        comments: what callers said of them, or, by a term, with that in it.
        begun: the same by ids and digests. It holds more if an erasure of the same subject died:
            what that had set out to remove, whether or not it is gone by now.
        resumed: whether one did.
        term: the term, case folded; None if the erasure is not by one, or it is known no more.
    """

    tenant: str
    documents: tuple[Doomed, ...]
    comments: tuple[Comment, ...]
    begun: Begun
    resumed: bool
    term: str | None


def plan_erasure(
    context: IngestContext, tenant: str, subject: Subject, *, comments: Comments
) -> Plan:
    """Find everything an erasure would remove, and go on with one of the same subject that died.

    Raises:
        ErasureError: the subject is too vague to be searched for, or there is no such thing.
    """
    if subject.by is By.TERM and len(subject.name.strip()) < _SHORTEST_TERM:
        raise ErasureError(
            f"a term has at least {_SHORTEST_TERM} characters: a shorter one stands everywhere"
        )
    # What the certificate says of the subject: a keyed digest, and not the name itself.
    digest = keyed(context.secret, "erasure", tenant, subject.by, subject.name).hex()
    term = subject.name.strip().casefold() if subject.by is By.TERM else None
    with context.database.read(tenant) as session:
        died = [one for one in unfinished(session, tenant) if one.subject == digest]
        found = {row.id: _doomed(session, tenant, row) for row in _found(session, tenant, subject)}
    begun = died[0] if died else Begun(new_id(), subject.by.value, digest)
    plan = _planned(context, tenant, begun, found, comments, resumed=bool(died), term=term)
    if not (plan.documents or plan.comments or died):
        raise ErasureError(
            f"nothing of tenant {tenant} answers to this {subject.by}: nothing was erased",
            code="nothing_to_erase",
        )
    return plan


def plan_unfinished(context: IngestContext, tenant: str, *, comments: Comments) -> list[Plan]:
    """What is to be done for every erasure that died without a certificate, the oldest first."""
    with context.database.read(tenant) as session:
        died = unfinished(session, tenant)
    return [
        _planned(context, tenant, begun, {}, comments, resumed=True, term=None) for begun in died
    ]


def _planned(
    context: IngestContext,
    tenant: str,
    begun: Begun,
    found: dict[str, Doomed],
    comments: Comments,
    *,
    resumed: bool,
    term: str | None,
) -> Plan:
    ids = sorted(begun.documents.union(found))
    shown = comments.shown(tenant, ids)
    with context.database.read(tenant) as session:
        for row in _named(session, tenant, begun.documents.difference(found)):
            found[row.id] = _doomed(session, tenant, row)
        chunks = lost_chunks(session, tenant, ids, shown)
    said = comments.find(tenant, documents=ids, chunks=chunks | begun.chunks, term=term)
    whole = begun.joined(
        replace(
            begun,
            documents=frozenset(ids),
            chunks=frozenset(chunks),
            remarks=frozenset(comment.remark for comment in said),
        )
    )
    documents = tuple(found[ident] for ident in sorted(found))
    return Plan(tenant, documents, tuple(said), whole, resumed, term)


def _named(session: Session, tenant: str, ids: Iterable[str]) -> Iterator[DocumentRow]:
    for some in batches(sorted(ids)):
        yield from session.scalars(
            select(DocumentRow).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
        )


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
        names = (row.title, row.external_id, row.uri, *read_tags(row.tags))
        if any(term in name.casefold() for name in names):
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
