"""Locks that hosts share: PostgreSQL's advisory locks, and a fence for what is written under one.

A lock belongs to a connection and ends with it: when its process dies, when its host vanishes, and
also when the server restarts while the holder lives on and knows nothing of it. Then somebody else
may hold the lock already. So every write transaction of a holder first asks, inside itself, whether
the lock still stands:

1. The holder's connection holds two locks, on the name and on a random token.
2. Its write transactions take a shared lock on the fence of the name, then look for the token.
3. Whoever gets the name next passes the fence alone before anything else: it waits for the
   transactions that found the token, and those that come later do not find it.

So no transaction of a former holder commits once another one has begun. What never lives here: what
the locks are for.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from acl.errors import LockLostError
from acl.postgres import LOCK_NOT_AVAILABLE, sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

_BITS: Final = 64
_TAKE_AT_ONCE: Final = text("SELECT pg_try_advisory_lock(:key)")
_WAIT: Final = text("SELECT set_config('lock_timeout', :milliseconds, false)")
_TAKE: Final = text("SELECT pg_advisory_lock(:key)")
_PASS_FENCE: Final = text("SELECT pg_advisory_xact_lock(:fence)")
_LET_GO: Final = text("SELECT pg_advisory_unlock_all()")
_UNDER_FENCE: Final = text("SELECT pg_advisory_xact_lock_shared(:fence)")
_STANDS: Final = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = CAST(CAST(:high AS bigint) AS oid)"
    " AND objid = CAST(CAST(:low AS bigint) AS oid) AND objsubid = 1)"
)


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is held.

    Attributes:
        database: which.
        name: of the lock.
        token: a number that nobody else's holding has.
    """

    database: URL
    name: str
    token: int


_HELD: ContextVar[tuple[Held, ...]] = ContextVar("held_locks", default=())


class NotFreeError(Exception):
    """Somebody else held the lock for longer than was to be waited."""


@contextmanager
def hold(engine: Engine, name: str, *, timeout: float) -> Iterator[None]:
    """Hold the lock ``name`` of a database.

    Args:
        engine: its connections hold locks and nothing else, each statement its own transaction.
        name: of the lock; one database has one of each name.
        timeout: seconds to wait for another holder; 0 for not at all.

    Raises:
        NotFreeError: somebody else held it for longer.
        sqlalchemy.exc.SQLAlchemyError: the database does not answer.
    """
    token = secrets.randbits(_BITS - 1)
    with engine.connect() as connection:
        try:
            _take(connection, name, token, timeout=timeout)
            outer = _HELD.set((*_HELD.get(), Held(engine.url, name, token)))
            try:
                yield
            finally:
                _HELD.reset(outer)
        finally:
            _release(connection)


def holding() -> bool:
    """Whether this thread of work holds any lock of any database."""
    return bool(_HELD.get())


def require_held(connection: Connection, *, fenced: bool) -> None:
    """Make sure that every lock this thread of work holds in the database still stands.

    Args:
        connection: to the database.
        fenced: whether it is in a write transaction, in which they are then to stand to the end.

    Raises:
        LockLostError: one does not.
    """
    for held in _HELD.get():
        if held.database != connection.engine.url:
            continue
        if fenced:
            connection.execute(_UNDER_FENCE, {"fence": _key("fence", held.name)})
        high, low = held.token >> 32, held.token & 0xFFFFFFFF
        if not connection.scalar(_STANDS, {"high": high, "low": low}):
            raise LockLostError(
                f"lock {held.name}: the connection that held it was lost, and somebody else may "
                "hold it now, so nothing more is written: do it again"
            )


def _take(connection: Connection, name: str, token: int, *, timeout: float) -> None:
    key = _key("lock", name)
    if timeout > 0:
        connection.execute(_WAIT, {"milliseconds": f"{max(1, round(timeout * 1000))}ms"})
        try:
            connection.execute(_TAKE, {"key": key})
            connection.execute(_PASS_FENCE, {"fence": _key("fence", name)})
        except DBAPIError as error:
            if sqlstate(error) == LOCK_NOT_AVAILABLE:
                raise NotFreeError(name) from None
            raise
    elif connection.scalar(_TAKE_AT_ONCE, {"key": key}):
        connection.execute(_WAIT, {"milliseconds": "0"})
        connection.execute(_PASS_FENCE, {"fence": _key("fence", name)})
    else:
        raise NotFreeError(name)
    connection.execute(_TAKE, {"key": token})


def _release(connection: Connection) -> None:
    try:
        connection.execute(_LET_GO)
    except DBAPIError:
        connection.invalidate()  # it is gone, and with it every lock it held


def _key(kind: str, name: str) -> int:
    """A signed 64-bit number for a name: the same in every process."""
    digest = hashlib.sha256(f"clearance {kind} {name}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8], signed=True)
