"""The catalogue's base classes, the tenant guard, and sessions.

Every row of a tenant carries ``tenant`` (:class:`TenantScoped`). A session is opened *for* a
tenant and the guard adds the predicate to every ORM statement on such rows, so a query that
forgets it still sees one tenant only; a session without a tenant cannot read them at all.
Crossing tenants needs :meth:`Database.unguarded`, which names its reason.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed write survives the process and the
power. Readers get connections that cannot write; writers begin IMMEDIATE, so that a read made
inside a write transaction is never based on a snapshot that another writer has moved past. On
PostgreSQL a lock for each tenant does the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from sqlalchemy import BigInteger, Engine, MetaData, String, create_engine, event, text
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.types import TypeDecorator

from acl import advisory
from acl.errors import TenantGuardError
from acl.postgres import Connections, create, create_for_locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Executable
    from sqlalchemy.engine import Dialect
    from sqlalchemy.orm import UOWTransaction
    from sqlalchemy.sql.base import ExecutableOption

_Asked = ParamSpec("_Asked")
_Statement = TypeVar("_Statement", bound="Executable")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TENANT = "tenant"
_UNGUARDED = "unguarded"
_PREPARED = "clearance_prepared"
_ONE_WRITER = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant, 0))")


def utc_now() -> datetime:
    """The system clock, aware UTC. Everything that needs time takes a clock like this one."""
    return datetime.now(UTC)


def instant(microseconds: int) -> datetime:
    """The instant that a column of times holds as a number."""
    return _EPOCH + timedelta(microseconds=microseconds)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant, stored as integer microseconds: exact and comparable everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Store; a naive datetime is refused, because its meaning depends on the machine."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: give it a time zone")
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Load as aware UTC."""
        del dialect
        return None if value is None else instant(value)


class Base(DeclarativeBase):
    """Declarative base of all four packages' tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy's own protocol


class TenantScoped:
    """Mixin of every row that belongs to a tenant; part of the primary key."""

    tenant: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-1)


def _guard_statement(state: ORMExecuteState) -> None:
    if state.session.info.get(_UNGUARDED):
        return
    tenant = state.session.info.get(_TENANT)
    if tenant is None:
        raise TenantGuardError("a session must be opened for a tenant: use Database.read or write")
    if not state.is_orm_statement:
        # The criteria below reach mapped classes only; rows named in another way would escape.
        raise TenantGuardError("write the statement over mapped classes, so that it can be guarded")
    if state.is_insert or state.is_update:
        _guard_values(state, tenant)
    if not state.is_insert:
        # Without asking which classes are in it: counts, unions and subqueries do not tell.
        known = state.statement.get_execution_options().get(_PREPARED)
        confine = _confined if known else _confined.__wrapped__
        state.statement = confine(state.statement, tenant)


@lru_cache(maxsize=512)
def _confined(statement: Executable, tenant: str) -> Executable:
    return statement.options(_confined_to(tenant))


@lru_cache(maxsize=1024)
def _confined_to(tenant: str) -> ExecutableOption:
    """Confine a statement to one tenant. Kept, since it says nothing of any one statement."""
    return with_loader_criteria(
        TenantScoped,
        lambda cls: cls.tenant == tenant,
        include_aliases=True,
        track_closure_variables=True,
    )


def _guard_values(state: ORMExecuteState, tenant: str) -> None:
    """Refuse rows to be inserted, or values to be set, that name another tenant or hide theirs."""
    if not any(issubclass(mapper.class_, TenantScoped) for mapper in state.all_mappers):
        return
    given = state.parameters or []
    rows = [given] if isinstance(given, Mapping) else given
    missing = None if state.is_insert else tenant
    if any(row.get(_TENANT, missing) != tenant for row in rows):
        raise TenantGuardError("a row of another tenant was about to be written")
    inside = getattr(state.statement, "_values", None) or {}  # there is no public way to see them
    if (state.is_insert and not rows) or any(column.key == _TENANT for column in inside):
        raise TenantGuardError("give the rows to insert as parameters, and never set a tenant")


def _guard_flush(session: Session, context: UOWTransaction, instances: Any) -> None:
    del context, instances
    if session.info.get(_UNGUARDED):
        return
    tenant = session.info.get(_TENANT)
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantScoped) and row.tenant != tenant:
            raise TenantGuardError("a row of another tenant was about to be written")


class GuardedSession(Session):
    """A session whose statements on tenant rows are confined to its tenant."""


event.listen(GuardedSession, "do_orm_execute", _guard_statement)
event.listen(GuardedSession, "before_flush", _guard_flush)


def _sqlite_engine(url: str, *, writable: bool) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 60, "check_same_thread": False})

    def on_connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling starts transactions late; we begin explicitly.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA mmap_size=268435456")
        if not writable:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def on_begin(connection: Any) -> None:
        if writable:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # waits for nobody, so there is no error to translate: straight to the driver
            connection.connection.driver_connection.execute("BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def prepared(build: Callable[_Asked, _Statement]) -> Callable[_Asked, _Statement]:
    """Build a statement once for each set of arguments, with values that are bound when it runs.

    Building one costs more than running it. Its confined forms are kept too, or else the whole of
    it would be read at each run to find what it was compiled to.
    """

    @cache
    def built(*args: Any, **kwargs: Any) -> _Statement:
        return build(*args, **kwargs).execution_options(**{_PREPARED: True})

    return cast("Callable[_Asked, _Statement]", built)


def batches(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """``ids`` in runs short enough for one ``IN`` of any backend, in their order."""
    for first in range(0, len(ids), size):
        yield ids[first : first + size]


class Database:
    """Two engines on one catalogue: one that reads, one that writes.

    Args:
        url: an SQLAlchemy URL, ``sqlite:///…`` or ``postgresql+psycopg://…``.
        connections: how PostgreSQL is connected to; None for the defaults.
    """

    def __init__(self, url: str, *, connections: Connections | None = None) -> None:
        self.url = url
        self._locks: Engine | None = None
        if url.startswith("sqlite"):
            self.reader = _sqlite_engine(url, writable=False)
            self.writer = _sqlite_engine(url, writable=True)
        else:
            settled = connections or Connections()
            self.writer = create(url, settled)
            self._locks = create_for_locks(url, settled)
            self.reader = self.writer.execution_options(
                postgresql_readonly=True, isolation_level="REPEATABLE READ"
            )

    @contextmanager
    def read(self, tenant: str) -> Iterator[Session]:
        """A consistent, read-only view of one tenant."""
        with GuardedSession(self.reader, info={_TENANT: tenant}) as session:
            yield session

    @contextmanager
    def write(self, tenant: str) -> Iterator[Session]:
        """One write transaction of one tenant: committed on success, rolled back on any error.

        Those of one tenant come one after the other, so that what is read here still holds when it
        is written: SQLite has one writer anyway, and on PostgreSQL they wait for a lock.
        """
        with GuardedSession(self.writer, info={_TENANT: tenant}) as session, session.begin():
            if self.shared:
                # Not by the session, which is confined to mapped classes. The lock is taken before
                # anything is read, and each statement sees what was committed before it.
                connection = session.connection()
                connection.execute(_ONE_WRITER, {"tenant": tenant})
                advisory.require_held(connection, fenced=True)
            yield session

    @contextmanager
    def unguarded(self, reason: str, *, writable: bool = False) -> Iterator[Session]:
        """A session across tenants, for the few places that must cross them.

        Args:
            reason: why the guard does not apply; an empty reason is refused.
            writable: whether the session may write (one transaction, committed on success).
        """
        if not reason:
            raise TenantGuardError("say why the tenant guard does not apply here")
        engine = self.writer if writable else self.reader
        with GuardedSession(engine, info={_UNGUARDED: reason}) as session, session.begin():
            if writable and self.shared:
                advisory.require_held(session.connection(), fenced=True)
            yield session

    @property
    def shared(self) -> bool:
        """Whether processes of other hosts may have it open, too."""
        return self._locks is not None

    def lock(self, name: str, *, timeout: float) -> AbstractContextManager[None]:
        """Hold a lock that all hosts share, and let nothing be written here once it is lost.

        Raises:
            acl.advisory.NotFreeError: somebody else held it for longer than ``timeout`` seconds.
            ValueError: the database is a file, which has no such locks.
        """
        if self._locks is None:
            raise ValueError("a catalogue in a file has no locks: lock a file beside it")
        return advisory.hold(self._locks, name, timeout=timeout)

    def require_locks(self) -> None:
        """Make sure that every lock that this thread of work holds here still stands.

        Raises:
            LockLostError: one does not.
        """
        if self.shared and advisory.holding():
            with self.writer.connect() as connection:
                advisory.require_held(connection, fenced=False)

    def close(self) -> None:
        """Close every pooled connection."""
        self.reader.dispose()
        self.writer.dispose()
        if self._locks is not None:
            self._locks.dispose()
