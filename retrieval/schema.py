"""The catalogue's schema: which revision it is at, and bringing it to the current one.

Alembic is imported only when something has to be upgraded, so that a service over a current
catalogue starts without it.
"""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from acl.postgres import LOCK_NOT_AVAILABLE, sqlstate
from ingestion.errors import CatalogError
from ingestion.run.faults import LOCKED

if TYPE_CHECKING:
    from pathlib import Path

    from acl.orm import Database

_PAUSES: Final = (0.2, 1.0, 3.0)
"""Seconds between attempts at an upgrade that finds a table in use: readers come in between."""

HEAD: Final = "0010"


def keep_private(url: str, file: Path) -> None:
    """Make ``file``, for its owner alone, if it is where ``url`` points and is not there yet.

    SQLite gives its companions (journal, shared memory) the mode of the file itself.
    """
    if url == f"sqlite:///{file}":
        file.touch(mode=0o600)


def revision(database: Database) -> str | None:
    """The revision the catalogue is at; None if it holds no schema yet."""
    with database.reader.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database) -> bool:
    """Bring the catalogue to :data:`HEAD`. Returns True if anything was done.

    Raises:
        CatalogError: the catalogue was made by a newer version of Clearance; or its tables were in
            use all the while, and nothing was changed.
    """
    current = revision(database)
    if current == HEAD:
        return False
    if current is not None and current > HEAD:
        raise CatalogError(
            f"the catalogue is at revision {current}, newer than this version's {HEAD}: "
            "upgrade clearance-retrieval"
        )
    from alembic import command  # noqa: PLC0415 - half a second that a current catalogue saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("retrieval") / "migrations"))
    for pause in (*_PAUSES, None):
        try:
            with database.writer.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            break
        except DBAPIError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            if pause is None:
                raise CatalogError(
                    "the catalogue is in use, so its schema could not be changed and is as it was: "
                    "end long statements on it, such as exports, and upgrade again",
                    code=LOCKED,
                ) from error
            time.sleep(pause)
    return True
