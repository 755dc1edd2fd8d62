"""The writer lock: at most one process changes the catalogue and the index at a time.

The lock is the kernel's, on a file of the data directory, so it ends with its holder however that
ends. Whoever gets it and finds something in flight knows that its predecessor died, and finishes
or undoes it first (:mod:`ingestion.recovery`).
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestion.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, *, timeout: float = 120.0) -> Iterator[None]:
    """Hold the lock on ``path``.

    Args:
        path: the lock file; made with mode 0600 when absent.
        timeout: seconds to wait for another holder.

    Raises:
        BusyError: another process held the lock for longer than ``timeout``.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"another process has been writing for over {timeout:.0f} s: wait for it, "
                        f"or end it (lock {path.name})"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)  # closing releases the lock
