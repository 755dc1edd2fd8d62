"""PostgreSQL engines: how many connections, how long anything may take, and what a fault means.

A network can swallow a connection without a word, and a server can hold a statement for ever.
Neither may hold a thread of ours for longer than is set here. What never lives here: statements of
any one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import ExceptionContext

SERIALIZATION_FAILURE: Final = "40001"
DEADLOCK: Final = "40P01"
LOCK_NOT_AVAILABLE: Final = "55P03"
READ_ONLY: Final = "25006"
ENDED: Final = frozenset({"57P01", "57P02", "57P03"})
"""The server is shutting down, crashed, or is not up yet."""

_PROBES: Final = 3
_RECYCLE_SECONDS: Final = 1_800
_LOCK_CONNECTIONS: Final = 4
_MORE_LOCK_CONNECTIONS: Final = 28


@dataclass(frozen=True, slots=True)
class Connections:
    """How a process connects to PostgreSQL. SQLite needs none of it.

    Attributes:
        most: connections of one process, besides those that hold locks.
        wait_seconds: how long to wait for one of them to become free.
        connect_seconds: how long the making of one may take, for each host of the URL.
        statement_seconds: after which the server ends a statement; 0 for never.
        silence_seconds: after which a connection whose other end says nothing counts as dead, on
            both ends: a lock held by a host that vanished is free again by then.
    """

    most: int = 32
    wait_seconds: float = 5.0
    connect_seconds: int = 5
    statement_seconds: float = 60.0
    silence_seconds: int = 15


def create(url: str, connections: Connections) -> Engine:
    """The engine that statements of sessions run on."""
    engine = create_engine(
        url,
        pool_size=connections.most,
        max_overflow=0,
        pool_timeout=connections.wait_seconds,
        pool_pre_ping=True,  # a connection that died in the pool is replaced, and nobody notices
        pool_use_lifo=True,
        pool_recycle=_RECYCLE_SECONDS,
        connect_args=_arguments(
            connections,
            # Statements are short: compiling one would take longer than running it.
            {"jit": "off", "statement_timeout": _milliseconds(connections.statement_seconds)},
        ),
    )
    event.listen(engine, "handle_error", _tell_if_gone)
    return engine


def create_for_locks(url: str, connections: Connections) -> Engine:
    """The engine whose connections hold locks: for as long as a job runs, and outside its work."""
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_LOCK_CONNECTIONS,
        max_overflow=_MORE_LOCK_CONNECTIONS,
        pool_timeout=connections.wait_seconds,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        # A job may take hours, and nothing is said on this connection meanwhile.
        connect_args=_arguments(
            connections, {"statement_timeout": "0", "idle_session_timeout": "0"}
        ),
    )


def transient(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again from its beginning.

    So it is where the server undid a transaction because of another one, or a connection was lost.
    In the latter case a commit may have gone through: only what may be done twice is done again.
    """
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or sqlstate(error) in {SERIALIZATION_FAILURE, DEADLOCK}


def sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's code of an error; None where there is none."""
    found: str | None = getattr(error.orig, "sqlstate", None)
    return found


def _tell_if_gone(context: ExceptionContext) -> None:
    """Have connections thrown away that lead to a server that is going, or was demoted.

    After a failover the former primary may come back and take reads; a pool that kept it would
    have every write refused until somebody restarts us.
    """
    code = getattr(context.original_exception, "sqlstate", None)
    if code in ENDED or (code == READ_ONLY and _was_writable(context)):
        context.is_disconnect = True


def _was_writable(context: ExceptionContext) -> bool:
    """Whether the transaction was not one that we made read-only ourselves."""
    connection = context.connection
    asked = {} if connection is None else connection.get_execution_options()
    return not asked.get("postgresql_readonly", False)


def patience(connections: Connections) -> dict[str, int]:
    """What libpq is told of how long our end waits: to connect, and for a word."""
    idle = max(1, connections.silence_seconds // 2)
    return {
        "connect_timeout": connections.connect_seconds,
        "keepalives": 1,
        "keepalives_idle": idle,
        "keepalives_interval": max(1, (connections.silence_seconds - idle) // _PROBES),
        "keepalives_count": _PROBES,
        "tcp_user_timeout": connections.silence_seconds * 1000,
    }


def _arguments(connections: Connections, session: Mapping[str, str]) -> dict[str, Any]:
    """What libpq is told: our end's patience, and in ``options`` the same of the server's."""
    ours = patience(connections)
    theirs = {
        "tcp_keepalives_idle": ours["keepalives_idle"],
        "tcp_keepalives_interval": ours["keepalives_interval"],
        "tcp_keepalives_count": ours["keepalives_count"],
        "tcp_user_timeout": ours["tcp_user_timeout"],
        **session,
    }
    options = " ".join(f"-c {name}={value}" for name, value in theirs.items())
    return {**ours, "options": options}


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
