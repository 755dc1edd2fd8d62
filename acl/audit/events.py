"""The audit: what happened, appended to a chain in the transaction of whoever says so.

An event is a kind and a body of identities, ids and digests. Query text and document text have no
place in one: questions are told by a keyed digest, documents by their ids.

Rows are only ever appended, by :func:`append_all` and nothing else. It reads the head of the chain
for update, so concurrent writers of one chain stand in line and each follows the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import sqlite

from acl.audit.chain import genesis, row_hash
from acl.audit.kinds import EventKind, Stream
from acl.audit.models import AuditHeadRow, AuditRow
from acl.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Insert
    from sqlalchemy.orm import Session

    from acl.caller import Caller

__all__ = [
    "Event",
    "EventKind",
    "Sealed",
    "administered",
    "append",
    "append_all",
    "identity",
    "insert_or_keep",
    "lock_head",
    "microseconds",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Made once: every query waits for these, and putting them together costs more than running them.
_OF_CHAIN: Final = (
    AuditHeadRow.tenant == bindparam("of_tenant"),
    AuditHeadRow.stream == bindparam("of_stream"),
)
_LOCK: Final = select(AuditHeadRow.seq, AuditHeadRow.hash).where(*_OF_CHAIN).with_for_update()
_ADVANCE: Final = (
    update(AuditHeadRow)
    .where(*_OF_CHAIN)
    .values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
    .execution_options(synchronize_session=False)
)
_INSERT: Final = insert(AuditRow)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: an :class:`EventKind`.
        body: JSON-able without floats; identities, ids and digests.
    """

    kind: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event whose body has its final text. Making one is what can fail because of the event."""

    kind: str
    body: str

    @classmethod
    def of(cls, event: Event) -> Sealed:
        """The event as it will be stored.

        Raises:
            ValueError: the kind is unknown, or the body has no canonical JSON.
        """
        return cls(EventKind(event.kind).value, canonical(dict(event.body)).decode())


def identity(caller: Caller) -> dict[str, object]:
    """Who asked, as bodies tell it: the subject, the agents it came through, the credential."""
    return {
        "subject": str(caller.subject),
        "actors": [str(actor) for actor in caller.actors],
        "via": caller.via,
    }


def microseconds(at: datetime) -> int:
    """An aware instant as microseconds since the epoch."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def insert_or_keep(session: Session, table: type[object]) -> Insert:
    """An insert that leaves alone what is there already, in the words of the session's engine."""
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - loads every driver's module

        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def append(session: Session, tenant: str, stream: Stream, event: Event, *, now: datetime) -> int:
    """Append one event in the caller's transaction. Returns its number.

    Raises:
        ValueError: the kind is unknown, or the body has no canonical JSON.
    """
    return append_all(session, tenant, stream, [Sealed.of(event)], clock=lambda: now)


def administered(
    session: Session,
    tenant: str,
    actor: str,
    kind: EventKind,
    body: Mapping[str, object],
    *,
    now: datetime,
) -> int:
    """Tell of a change of the tenant's administration, in the transaction of that change.

    Args:
        session: the transaction that changes; if it fails, neither the change nor its row stays.
        tenant: whose administration.
        actor: who did it: the caller's subject and credential, or ``cli:<operating system user>``.
        kind: what was done.
        body: to what, and with which outcome.
        now: when.

    Raises:
        ValueError: as of :func:`append`.
    """
    event = Event(kind, {**body, "actor": actor})
    return append(session, tenant, Stream.ADMINISTRATION, event, now=now)


def append_all(
    session: Session,
    tenant: str,
    stream: Stream,
    events: Sequence[Sealed],
    *,
    clock: Callable[[], datetime],
) -> int:
    """Append events in order, in the caller's transaction. Returns the last one's number.

    ``clock`` is read once the head is held, so that within a chain time follows order.
    """
    seq, previous = lock_head(session, tenant, stream)
    now = clock()
    at, rows = microseconds(now), []
    for event in events:
        seq += 1
        own = row_hash(
            previous,
            tenant=tenant,
            stream=stream.value,
            seq=seq,
            at=at,
            kind=event.kind,
            body=event.body,
        )
        rows.append(
            {
                "tenant": tenant,
                "stream": stream.value,
                "seq": seq,
                "at": now,
                "kind": event.kind,
                "body": event.body,
                "previous": previous,
                "hash": own,
            }
        )
        previous = own
    session.execute(_INSERT, rows)
    session.execute(_ADVANCE, {**_chain(tenant, stream), "to_seq": seq, "to_hash": previous})
    return seq


def _chain(tenant: str, stream: Stream) -> dict[str, object]:
    return {"of_tenant": tenant, "of_stream": stream.value}


def lock_head(session: Session, tenant: str, stream: Stream) -> tuple[int, bytes]:
    """Number and hash of the last row; nobody else appends until this transaction ends.

    PostgreSQL locks the row; on SQLite, whoever writes has begun IMMEDIATE and is alone.
    """
    found = session.execute(_LOCK, _chain(tenant, stream)).one_or_none()
    if found is None:
        _start_chain(session, tenant, stream)
        found = session.execute(_LOCK, _chain(tenant, stream)).one()
    return found.seq, found.hash


def _start_chain(session: Session, tenant: str, stream: Stream) -> None:
    """Make the head of an empty chain; if another has just made it, that one stands."""
    session.execute(
        insert_or_keep(session, AuditHeadRow),
        [
            {
                "tenant": tenant,
                "stream": stream.value,
                "seq": 0,
                "hash": genesis(tenant, stream.value),
                "kept_from": 1,
            }
        ],
    )
