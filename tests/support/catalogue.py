"""Empty catalogues at the current schema, to be copied: one kind for each engine."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import event

from acl.models import Installation
from acl.orm import Database
from retrieval.schema import upgrade
from retrieval.settings import AUDIT, CATALOGUE
from tests.support.clock import NOON

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Server

SECRET: Final = bytes(range(32))


class Blank(Protocol):
    """An empty catalogue whose secret is :data:`SECRET`."""

    def open(self, directory: Path) -> Database:
        """Open a copy of it; ``directory`` is for its files, if it has any."""
        ...

    def open_audit(self, directory: Path) -> Database | None:
        """Open what holds the access stream, unless the catalogue does (None)."""
        ...


@dataclass(frozen=True, slots=True)
class SqliteBlank:
    """A file. Copy it, never open it."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> SqliteBlank:
        """Write it."""
        fill(Database(f"sqlite:///{path}"))
        return cls(path)

    def open(self, directory: Path) -> Database:
        """A copy in ``directory``, opened without waiting for the disk."""
        return self._copy(directory, CATALOGUE)

    def open_audit(self, directory: Path) -> Database | None:
        """Another copy: a file of its own, as beside every SQLite catalogue."""
        return self._copy(directory, AUDIT)

    def _copy(self, directory: Path, name: str) -> Database:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / name
        shutil.copyfile(self.path, path)
        database = Database(f"sqlite:///{path}")
        event.listen(database.writer, "connect", _do_not_wait_for_the_disk)
        return database


@dataclass(frozen=True, slots=True)
class PostgresBlank:
    """A template database of a server."""

    server: Server

    def open(self, directory: Path) -> Database:
        """A copy in a database of its own, which goes when it is closed."""
        directory.mkdir(parents=True, exist_ok=True)
        made = ExitStack()
        return _Borrowed(made.enter_context(self.server.database(fill)), made)

    def open_audit(self, directory: Path) -> Database | None:
        """None: the catalogue holds it."""
        del directory
        return None


class _Borrowed(Database):
    """A catalogue that is given back when it is closed."""

    def __init__(self, url: str, made: ExitStack) -> None:
        super().__init__(url)
        self._made = made

    def close(self) -> None:
        """Close every connection and drop the database."""
        super().close()
        self._made.close()


def fill(database: Database) -> None:
    """Bring a new catalogue to the current schema, give it its secret, and close it."""
    upgrade(database)
    with database.unguarded("the secret is the same in every world", writable=True) as session:
        session.add(Installation(id=1, secret=SECRET, created_at=NOON))
    database.close()


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
