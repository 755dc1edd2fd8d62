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

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from acl.audit_chain import genesis, row_hash
from acl.audit_kinds import EventKind, Stream
from acl.audit_models import AuditHeadRow, AuditRow
from acl.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    "lock_head",
    "microseconds",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
    session.execute(insert(AuditRow), rows)
    session.execute(
        update(AuditHeadRow)
        .where(AuditHeadRow.tenant == tenant, AuditHeadRow.stream == stream.value)
        .values(seq=seq, hash=previous)
        .execution_options(synchronize_session=False)
    )
    return seq


def lock_head(session: Session, tenant: str, stream: Stream) -> tuple[int, bytes]:
    """Number and hash of the last row; nobody else appends until this transaction ends.

    PostgreSQL locks the row; on SQLite, whoever writes has begun IMMEDIATE and is alone.
    """
    head = (
        select(AuditHeadRow.seq, AuditHeadRow.hash)
        .where(AuditHeadRow.tenant == tenant, AuditHeadRow.stream == stream.value)
        .with_for_update()
    )
    found = session.execute(head).one_or_none()
    if found is None:
        _start_chain(session, tenant, stream)
        found = session.execute(head).one()
    return found.seq, found.hash


def _start_chain(session: Session, tenant: str, stream: Stream) -> None:
    """Make the head of an empty chain; if another has just made it, that one stands."""
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(
        upsert(AuditHeadRow).on_conflict_do_nothing(),
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
