"""PostgreSQL's connections and locks, on the real server: nothing is waited for without end."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from acl.advisory import NotFreeError
from acl.errors import LockLostError
from acl.models import Tenant
from acl.orm import Database, utc_now
from acl.postgres import Connections, sqlstate, transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

_SLEEP = text("SELECT pg_sleep(:seconds)")
_OURS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def here(postgres_url: str) -> Iterator[Database]:
    """A catalogue as one host has it open."""
    database = Database(postgres_url)
    yield database
    database.close()


@pytest.fixture
def there(postgres_url: str) -> Iterator[Database]:
    """The same, as another host has it open."""
    database = Database(postgres_url)
    yield database
    database.close()


def end_all(database: Database) -> None:
    """What the others notice of a failover: every connection but this one is gone."""
    with database.writer.connect() as connection:
        connection.execute(_OURS)


def add(database: Database, name: str) -> None:
    with database.unguarded("a test writes", writable=True) as session:
        session.add(Tenant(name=name, enabled=True, created_at=utc_now()))


def names(database: Database) -> set[str]:
    with database.unguarded("a test reads") as session:
        return {row.name for row in session.query(Tenant)}


def test_whoever_finds_every_connection_in_use_is_told_so_in_time(postgres_url: str) -> None:
    database = Database(postgres_url, connections=Connections(most=1, wait_seconds=0.05))
    with database.writer.connect(), pytest.raises(PoolTimeoutError) as raised:
        database.writer.connect()
    assert not transient(raised.value)
    database.close()


def test_the_server_ends_a_statement_that_takes_too_long(postgres_url: str) -> None:
    database = Database(postgres_url, connections=Connections(statement_seconds=0.05))
    with (
        database.reader.connect() as connection,
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        connection.execute(_SLEEP, {"seconds": 60})
    database.close()


def test_a_host_that_takes_a_connection_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql+psycopg://nobody@127.0.0.1:{port}/none?sslmode=disable"
        database = Database(url, connections=Connections(connect_seconds=2))
        with pytest.raises(OperationalError, match="timeout"):
            database.reader.connect()
        database.close()


def test_both_ends_are_told_when_to_count_the_other_as_dead(postgres_url: str) -> None:
    """Over a socket file the server has no use for it, but it was asked."""
    database = Database(postgres_url, connections=Connections(silence_seconds=20))
    for connection in connections_of(database):
        told = connection.connection.driver_connection.info.get_parameters()
        ours = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
        assert [told[name] for name in ours] == ["10", "3", "3", "20000"]
        for name in ("tcp_keepalives_idle=10", "tcp_keepalives_count=3", "tcp_user_timeout=20000"):
            assert name in told["options"]
    database.close()


def connections_of(database: Database) -> Iterator[Connection]:
    assert database._locks is not None
    for engine in (database.reader, database._locks):
        with engine.connect() as connection:
            yield connection


def test_connections_that_died_in_the_pool_are_replaced_unnoticed(
    here: Database, there: Database
) -> None:
    add(here, "bank")
    end_all(there)
    assert names(here) == {"bank"}


def test_a_connection_that_dies_in_use_says_that_the_work_may_be_done_again(
    here: Database, there: Database
) -> None:
    with here.reader.connect() as connection:
        connection.execute(text("SELECT 1"))
        end_all(there)
        with pytest.raises(DBAPIError) as raised:
            connection.execute(text("SELECT 1"))
    assert transient(raised.value)


def test_transactions_that_the_server_undid_for_another_may_be_done_again(
    here: Database,
) -> None:
    add(here, "bank")
    serializable = here.writer.execution_options(isolation_level="SERIALIZABLE")
    change = text("UPDATE tenant SET enabled = NOT enabled")
    with serializable.connect() as one:
        one.execute(text("SELECT enabled FROM tenant")).all()
        with here.writer.begin() as other:
            other.execute(change)
        with pytest.raises(DBAPIError) as raised:
            one.execute(change)
    assert transient(raised.value)
    assert not transient(ValueError())


def test_a_server_that_was_demoted_is_not_kept_in_the_pool(here: Database) -> None:
    with here.writer.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
        connection.commit()
        with pytest.raises(DBAPIError) as raised:
            connection.execute(text("DELETE FROM tenant"))
    assert transient(raised.value)
    add(here, "bank")


def test_a_reader_of_ours_that_writes_is_a_mistake_and_no_failover(here: Database) -> None:
    with here.reader.connect() as connection, pytest.raises(DBAPIError) as raised:
        connection.execute(text("DELETE FROM tenant"))
    assert sqlstate(raised.value) == "25006"
    assert not transient(raised.value)


def test_a_lock_has_one_holder_among_all_hosts(here: Database, there: Database) -> None:
    with here.lock("write", timeout=1):
        for timeout in (0, 0.05):
            with pytest.raises(NotFreeError):
                there.lock("write", timeout=timeout).__enter__()
        with there.lock("another", timeout=0):
            pass
    with there.lock("write", timeout=0):
        pass


def test_who_waits_for_a_lock_gets_it_next(here: Database, there: Database) -> None:
    order: list[str] = []

    def wait() -> None:
        with there.lock("write", timeout=60):
            order.append("second")

    with here.lock("write", timeout=1):
        waiting = threading.Thread(target=wait)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    "write",
    [
        lambda database: add(database, "late"),
        lambda database: database.write("bank").__enter__(),
        lambda database: database.require_locks(),
    ],
    ids=["across tenants", "of a tenant", "beside the catalogue"],
)
def test_who_lost_a_lock_unknowingly_writes_nothing_more(
    here: Database, there: Database, write: Callable[[Database], None]
) -> None:
    with here.lock("write", timeout=1):
        write_before = Tenant(name="bank", enabled=True, created_at=utc_now())
        with here.unguarded("a test writes", writable=True) as session:
            session.add(write_before)
        end_all(there)
        with there.lock("write", timeout=1), pytest.raises(LockLostError, match="do it again"):
            write(here)
        with pytest.raises(LockLostError):  # nor when nobody else holds it any more
            write(here)
    assert names(here) == {"bank"}
    add(here, "later")


def test_the_next_holder_waits_for_what_the_last_one_is_still_writing(
    here: Database, there: Database
) -> None:
    """Its lock is gone, but it looked while it stood: so it comes before, as a whole."""
    seen: list[set[str]] = []

    def follow() -> None:
        with there.lock("write", timeout=60):
            seen.append(names(there))

    with here.lock("write", timeout=1):
        following = threading.Thread(target=follow)
        with here.unguarded("a test writes", writable=True) as session:
            session.add(Tenant(name="bank", enabled=True, created_at=utc_now()))
            session.flush()
            end_locks(there)
            following.start()
            following.join(0.2)
            assert not seen
    following.join()
    assert seen == [{"bank"}]


def end_locks(database: Database) -> None:
    """End the connections that hold a lock for longer than a transaction."""
    asked = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND state = 'idle' AND pid IN"
        " (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
    )
    with database.writer.connect() as connection:
        assert connection.execute(asked).all()


def test_a_catalogue_in_a_file_has_no_locks_to_share() -> None:
    with pytest.raises(ValueError, match="lock a file"):
        Database("sqlite://").lock("write", timeout=0)
