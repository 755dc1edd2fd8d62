"""The writer lock: at most one process changes the catalogue and the index at a time.

Where the catalogue is a file, the lock is the kernel's, on a file of the data directory. Where it
is on a server, which other hosts may use as well, the lock is the server's (:mod:`acl.advisory`).
Either ends with its holder however that ends. Whoever gets it and finds something in flight knows
that its predecessor died, and finishes or undoes it first (:mod:`ingestion.recovery`).
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from acl.advisory import NotFreeError
from acl.errors import LockLostError
from ingestion.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acl.orm import Database

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class SharedLock:
    """A lock of a catalogue that other hosts use, too, in the place of a file.

    Attributes:
        database: the catalogue.
        path: of the file it stands for. Only its name is used.
    """

    database: Database
    path: Path

    @property
    def name(self) -> str:
        """What the lock is called."""
        return self.path.name

    @property
    def parent(self) -> Path:
        """The data directory of this host."""
        return self.path.parent

    def with_name(self, name: str) -> SharedLock:
        """Another lock of the same catalogue."""
        return replace(self, path=self.path.with_name(name))


Lock = Path | SharedLock
"""What :func:`exclusive` holds."""


def lock_for(database: Database, path: Path) -> Lock:
    """The lock on ``path``, among all who share the catalogue."""
    return SharedLock(database, path) if database.shared else path


@contextmanager
def exclusive(lock: Lock, *, timeout: float = 120.0) -> Iterator[None]:
    """Hold a lock.

    Args:
        lock: the lock file, made with mode 0600 when absent; or one of the catalogue.
        timeout: seconds to wait for another holder.

    Raises:
        BusyError: another process held the lock for longer than ``timeout``; or the connection
            that held it was lost meanwhile, and nothing was written since.
    """
    if isinstance(lock, Path):
        with _file_locked(lock, timeout=timeout):
            yield
        return
    try:
        with lock.database.lock(lock.name, timeout=timeout):
            yield
    except NotFreeError:
        raise _busy(lock, timeout) from None
    except LockLostError as error:
        raise BusyError(str(error)) from error


@contextmanager
def _file_locked(path: Path, *, timeout: float) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise _busy(path, timeout) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _busy(lock: Lock, timeout: float) -> BusyError:
    return BusyError(
        f"another process has been writing for over {timeout:.0f} s: wait for it, "
        f"or end it (lock {lock.name})"
    )
