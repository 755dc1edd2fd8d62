"""A chain as it is stored, read as it stands: nothing is converted that a verifier must judge.

Columns are read raw, because what was tampered with need not hold what its type promises.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from acl.audit.models import AuditCheckpointRow, AuditHeadRow, AuditRow, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Result
    from sqlalchemy.orm import InstrumentedAttribute, Session

_ROWS_AT_ONCE: Final = 1_000


class UnreadableRowError(Exception):
    """A row is stored in a way that the database itself cannot read."""


@dataclass(frozen=True, slots=True)
class Link:
    """One row as stored; any field may hold anything.

    Attributes:
        seq: its number.
        at: microseconds since the epoch.
        kind: what happened.
        body: JSON text.
        previous: the hash before, 32 bytes.
        hash: its own hash, 32 bytes.
    """

    seq: Any
    at: Any
    kind: Any
    body: Any
    previous: Any
    hash: Any


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain as stored: number and hash of its last row, and the first row kept."""

    seq: Any
    hash: Any
    kept_from: Any


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with all that is stored about it.

    Attributes:
        tenant: whose.
        stream: which.
        head: None if the chain never began, or its head is gone.
        checkpoints: the signed statements stored with it.
        links: its rows in order, read as they are asked for.
    """

    tenant: str
    stream: str
    head: Head | None
    checkpoints: Sequence[str]
    links: Iterator[Link]


@contextmanager
def stored(session: Session, tenant: str, stream: Stream) -> Iterator[Chain]:
    """The chain in the database, as of one moment, read as its links are asked for."""
    where = {"tenant": tenant, "stream": stream.value}
    head = session.execute(
        select(
            _raw(AuditHeadRow.seq), _raw(AuditHeadRow.hash), _raw(AuditHeadRow.kept_from)
        ).filter_by(**where)
    ).one_or_none()
    checkpoints = session.scalars(
        select(AuditCheckpointRow.jws).filter_by(**where).order_by(AuditCheckpointRow.seq)
    )
    known = (None if head is None else Head(*head), list(checkpoints))
    columns = (
        AuditRow.seq,
        AuditRow.at,
        AuditRow.kind,
        AuditRow.body,
        AuditRow.previous,
        AuditRow.hash,
    )
    statement = (
        select(*map(_raw, columns))
        .filter_by(**where)
        .order_by(AuditRow.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    # Whoever stops at a fault leaves rows unread: the cursor on a server must be closed.
    with session.execute(statement) as rows:
        yield Chain(tenant, stream.value, *known, _links(rows))


def _links(rows: Result[*tuple[Any, ...]]) -> Iterator[Link]:
    try:
        for row in rows:
            yield Link(*row)
    except DBAPIError as error:
        raise UnreadableRowError(type(error.orig).__name__) from error


def _raw(column: InstrumentedAttribute[Any]) -> Any:
    return type_coerce(column, NullType())
