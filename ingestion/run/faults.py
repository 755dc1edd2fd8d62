"""What goes wrong beneath a run, in the words of this package: which code, and what to do.

What never lives here: faults of single documents.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import OperationalError

from ingestion.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK_FULL: Final = "disk_full"
LOCKED: Final = "catalog_locked"

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS: Final = ("disk is full", "no space left", "disk full")
_FULL_NAMES: Final = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""SQLite's own; without room for the index of its log it speaks of an I/O error alone."""
_LOCKED_WORDS: Final = ("database is locked", "database table is locked", "lock timeout")


@contextmanager
def translated() -> Iterator[None]:
    """Raise :class:`CatalogError` for what a database or a disk refuses.

    The error's own words are left out: they quote statements, and with them what was written.
    """
    try:
        yield
    except OperationalError as error:
        raise catalog_error(error) from error
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full() from error


def catalog_error(error: OperationalError) -> CatalogError:
    """What a database refused, without its own words."""
    said = str(error.orig).lower()
    name = getattr(error.orig, "sqlite_errorname", None)
    if name in _FULL_NAMES or any(words in said for words in _FULL_WORDS):
        return _full()
    if any(words in said for words in _LOCKED_WORDS):
        return CatalogError(
            "the catalogue is locked by another program: end it, and run this again; what was "
            "acknowledged is kept",
            code=LOCKED,
        )
    return CatalogError(
        f"the catalogue does not answer ({type(error.orig).__name__}): see 'clearance doctor', "
        "and run this again; what was acknowledged is kept"
    )


def _full() -> CatalogError:
    return CatalogError(
        "the disk is full: make room in the data directory, and run this again; what was "
        "acknowledged is kept",
        code=DISK_FULL,
    )
