"""Pushing documents: deliveries compared with the last word, written, and acknowledged.

1. What must be parsed is parsed, outside every lock.
2. One transaction notes each delivery as the last word on its document, stores ACLs, and marks what
   is now known to be outdated as pending. From here on nothing older can overtake it.
3. One batch is written (:func:`ingestion.writer.write`); then every next query sees it.
4. One transaction says that the source is in order, and that nothing is pending.

Dying after 2 leaves a document marked as pending: true, and over as soon as whoever pushed without
an acknowledgement pushes again. That is not late, since its sequence is not lower than its own.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import update

from acl.digest import keyed_id
from acl.orm import batches
from ingestion.acl_stamp import store_acls
from ingestion.deliveries import FIRST, Delete, Delivery, Last, Put, last_words, standing
from ingestion.documents import AclSpec, RawDocument
from ingestion.errors import IngestionError
from ingestion.generations import active_generation
from ingestion.lock import exclusive
from ingestion.models import DocumentRow, SourceRow
from ingestion.plan import Upsert, chunk_id, document_id
from ingestion.prepare import Prepared, source_sha256
from ingestion.push_acls import not_usable, usable
from ingestion.records import DeliveryRow
from ingestion.run.reading import Reader
from ingestion.writable import require_writable
from ingestion.writer import Batch, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.deliveries import Standing
    from ingestion.push_acls import PushedAcl
    from ingestion.push_source import PushSource


class PushStatus(StrEnum):
    """What a delivery came to."""

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "absent"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Pushed:
    """An acknowledged delivery.

    Attributes:
        external_id: the document's name in its source.
        document_id: its id here.
        status: what the delivery came to.
        stood_under: the ACL the document stood under before; None if it was not there. Whoever may
            not see that may not be told the status.
    """

    external_id: str
    document_id: str
    status: PushStatus
    stood_under: str | None


Result: TypeAlias = Pushed | IngestionError


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery with what could be worked out before its turn.

    ``prepared`` is None for a deletion, and where it would have changed nothing.
    """

    delivery: Delivery
    document_id: str
    sha: str
    prepared: Prepared | None


def put(context: IngestContext, source: PushSource, delivery: Put) -> Pushed:
    """Deliver one document. When this returns, it is durable and every next query sees it.

    Raises:
        ParseError: the content yields no text.
        AclNotUsableError: it names an ACL that is not the source's to use.
        EmbeddingError, IndexUnavailableError, CatalogError, BusyError: it is not acknowledged.
    """
    return _only(deliver(context, source, [delivery]))


def delete(context: IngestContext, source: PushSource, delivery: Delete) -> Pushed:
    """Deliver that one document is gone. When this returns, no next query sees it."""
    return _only(deliver(context, source, [delivery]))


def _only(results: list[Result]) -> Pushed:
    (result,) = results
    if isinstance(result, IngestionError):
        raise result
    return result


def deliver(
    context: IngestContext, source: PushSource, deliveries: Sequence[Delivery]
) -> list[Result]:
    """Carry out deliveries of one source in their order. One result each, in that order.

    A delivery that is itself at fault has its error for a result and keeps nobody else back.

    Raises:
        EmbeddingError, IndexUnavailableError, CatalogError, BusyError, ReadOnlyError: no fault of
            a delivery; none is acknowledged.
    """
    require_writable(context.database, source.tenant)
    with closing(Reader(context)) as reader:
        readied = [ready(context, source, delivery, reader) for delivery in deliveries]
        good = [one for one in readied if isinstance(one, Ready)]
        done = iter(carry_out(context, source, good, reader))
    return [next(done) if isinstance(one, Ready) else one for one in readied]


def ready(
    context: IngestContext, source: PushSource, delivery: Delivery, reader: Reader
) -> Ready | IngestionError:
    """Parse a delivery unless the document has that content already. Takes no lock."""
    ident = document_id(context.secret, source.tenant, source.name, delivery.external_id)
    if isinstance(delivery, Delete):
        return Ready(delivery, ident, "", None)
    sha = source_sha256(delivery.content)
    with context.database.read(source.tenant) as session:
        held = standing(session, source.tenant, [ident]).get(ident)
        acl_id = _likely_acl(context, session, source, delivery.acl)
    if held is not None and acl_id is not None and held.is_as(delivery, sha, acl_id):
        return Ready(delivery, ident, sha, None)
    try:
        return Ready(delivery, ident, sha, _prepared(delivery, reader))
    except IngestionError as error:
        return error


def _likely_acl(
    context: IngestContext, session: Session, source: PushSource, acl: PushedAcl
) -> str | None:
    if isinstance(acl, str):
        return usable(session, source.tenant, source.name, [acl], source.acls).get(acl)
    return keyed_id(context.secret, "acl", source.tenant, acl.name)


def _prepared(delivery: Put, reader: Reader) -> Prepared:
    return reader.read(RawDocument(delivery.item, delivery.content)).result()


def carry_out(
    context: IngestContext, source: PushSource, readied: Sequence[Ready], reader: Reader
) -> list[Result]:
    """Compare, write and acknowledge what is ready; in rounds that name no document twice."""
    results: list[Result] = []
    active_generation(context)  # made or refused now, before anything is noted
    with exclusive(source.lock(context)):
        for together in _rounds(readied):
            results += _round(context, source, together, reader)
    return results


def _rounds(readied: Sequence[Ready]) -> Iterator[list[Ready]]:
    together: dict[str, Ready] = {}
    for one in readied:
        if one.document_id in together:
            yield list(together.values())
            together = {}
        together[one.document_id] = one
    if together:
        yield list(together.values())


def _round(
    context: IngestContext, source: PushSource, together: list[Ready], reader: Reader
) -> list[Result]:
    tenant = source.tenant
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        decided = _decide(context, session, source, together)
    upserts: list[Upsert] = []
    for at, (one, delivery, acl_id) in decided.upserts.items():
        try:
            upserts.append(_upsert(context, source, one, delivery, acl_id, reader=reader))
        except IngestionError as error:
            decided.results[at] = error
    try:
        if upserts or decided.deletions:
            write(context, Batch(tenant, source.name, tuple(upserts), tuple(decided.deletions)))
    except IngestionError as error:
        _note(context, source, [], error=f"{error.code}: {error.message}")
        raise
    written = [*(up.document_id for up in upserts), *decided.deletions]
    _note(context, source, written, error=None)
    return decided.results


@dataclass(slots=True)
class _Decided:
    """One result for each delivery, and what is to be written: upserts by their places."""

    results: list[Result] = field(default_factory=list)
    upserts: dict[int, tuple[Ready, Put, str]] = field(default_factory=dict)
    deletions: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def _decide(
    context: IngestContext, session: Session, source: PushSource, together: list[Ready]
) -> _Decided:
    """Decide on each delivery, and note those that count as the last word on their documents."""
    tenant, now = source.tenant, context.clock()
    ids = [one.document_id for one in together]
    words, held = last_words(session, tenant, ids), standing(session, tenant, ids)
    late = {one.document_id for one in together if _is_late(one, words.get(one.document_id))}
    # What is late changes nothing, so the entries it came with become no ACL.
    acl_of = _acls(
        context, session, source, [one for one in together if one.document_id not in late]
    )
    decided = _Decided()
    for at, one in enumerate(together):
        before, delivery = held.get(one.document_id), one.delivery
        if one.document_id in late:
            decided.results.append(_pushed(one, PushStatus.LATE, before))
            continue
        if isinstance(delivery, Delete):
            status = PushStatus.ABSENT if before is None else PushStatus.DELETED
            if before is not None:
                decided.deletions.append(one.document_id)
        else:
            acl_id = acl_of(delivery.acl)
            if acl_id is None:
                decided.results.append(not_usable())
                continue
            status = _status(one, delivery, before, acl_id)
            if status is PushStatus.UNCHANGED:
                decided.unchanged.append(one.document_id)
            else:
                decided.upserts[at] = one, delivery, acl_id
        decided.results.append(_pushed(one, status, before))
        _note_word(session, tenant, one, words.get(one.document_id), now=now)
    _set(session, tenant, decided.unchanged, {"checked_at": now, "pending_since": None})
    pending = [*(one.document_id for one, _, _ in decided.upserts.values()), *decided.deletions]
    _set(session, tenant, pending, {"pending_since": now})
    return decided


def _is_late(one: Ready, word: DeliveryRow | None) -> bool:
    return word is not None and Last(word.sequence, word.deleted).outdates(one.delivery)


def _acls(
    context: IngestContext, session: Session, source: PushSource, together: list[Ready]
) -> Callable[[PushedAcl], str | None]:
    """Store the ACLs that came along and look up those that were named."""
    pushed = [one.delivery.acl for one in together if isinstance(one.delivery, Put)]
    specs = {acl.name: acl for acl in pushed if isinstance(acl, AclSpec)}
    names = {acl for acl in pushed if isinstance(acl, str)}
    named = usable(session, source.tenant, source.name, names, source.acls)
    stored = store_acls(
        session,
        source.tenant,
        list(specs.values()),
        secret=context.secret,
        source=source.name,
        now=context.clock(),
    )
    return lambda acl: named.get(acl) if isinstance(acl, str) else stored[acl.name]


def _status(one: Ready, delivery: Put, before: Standing | None, acl_id: str) -> PushStatus:
    if before is None:
        return PushStatus.ADDED
    if before.is_as(delivery, one.sha, acl_id):
        return PushStatus.UNCHANGED
    moved = before.source_sha256 == one.sha and before.acl_id != acl_id
    return PushStatus.MOVED if moved else PushStatus.CHANGED


def _pushed(one: Ready, status: PushStatus, before: Standing | None) -> Pushed:
    return Pushed(
        one.delivery.external_id,
        one.document_id,
        status,
        None if before is None else before.acl_id,
    )


def _note_word(
    session: Session, tenant: str, one: Ready, word: DeliveryRow | None, *, now: datetime
) -> None:
    sequence = one.delivery.sequence
    if sequence is None:
        sequence = FIRST if word is None else word.sequence
    if word is None:
        word = DeliveryRow(tenant=tenant, document_id=one.document_id)
        session.add(word)
    word.sequence, word.deleted, word.at = sequence, isinstance(one.delivery, Delete), now


def _upsert(
    context: IngestContext,
    source: PushSource,
    one: Ready,
    delivery: Put,
    acl_id: str,
    *,
    reader: Reader,
) -> Upsert:
    secret = context.secret
    # Rare: the document had this content when it was looked at, and has another by now.
    prepared = one.prepared or _prepared(delivery, reader)
    chunks = tuple(
        chunk_id(secret, source.tenant, acl_id, chunk.embedded_sha) for chunk in prepared.chunks
    )
    return Upsert(delivery.item, one.document_id, acl_id, one.sha, prepared, chunks)


def _note(
    context: IngestContext, source: PushSource, written: Sequence[str], *, error: str | None
) -> None:
    """Note how the source stands after a round."""
    now = context.clock()
    with exclusive(context.lock_path), context.database.write(source.tenant) as session:
        row = session.get_one(SourceRow, (source.tenant, source.name))
        row.last_attempt_at = now
        row.last_error = error
        if error is None:
            row.last_success_at = now
        _set(session, source.tenant, written, {"pending_since": None})


def _set(
    session: Session, tenant: str, documents: Sequence[str], values: dict[str, object]
) -> None:
    for some in batches(documents):
        session.execute(
            update(DocumentRow)
            .where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
            .values(**values)
            .execution_options(synchronize_session=False)
        )
