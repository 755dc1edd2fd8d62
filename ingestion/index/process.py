"""The index process: the one place of a data directory where the embedded engine runs.

Started by :class:`ingestion.index.client.EdgeHost`, never by hand. It holds the process lock for
life, or until a successor takes it over; listens on the socket of the
:class:`~ingestion.index.rendezvous.Rendezvous`; and leaves by itself when nobody has been connected
for a while. On SIGTERM it finishes what is in flight, flushes, and goes. What never lives here:
access decisions (searches arrive with their conditions compiled and refuse to exist without), and
imports that cost time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import time
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import Final

from ingestion.index.channel import Channel
from ingestion.index.rendezvous import Rendezvous, locked
from ingestion.index.serving import IndexServer, Post
from ingestion.index.shards import ShardDirectory

_LOCK_PATIENCE_SECONDS: Final = 60.0  # A predecessor may still be flushing.
_LOCK_GLANCE_SECONDS: Final = 0.25
_BACKLOG: Final = 128
READY: Final = b"ready\n"


def main(data_dir: Path, *, idle_seconds: float, ready: int) -> None:
    """Become the index process of ``data_dir``, or leave it to the one there is.

    Args:
        data_dir: the data directory.
        idle_seconds: how long to stay without any connection.
        ready: descriptor on which ``ready`` is said once there is somebody to connect to.
    """
    meeting = Rendezvous.of(data_dir)
    with contextlib.ExitStack() as stack:
        lock = _sole(meeting, stack)
        if lock is None:
            os.write(ready, READY)
            return
        # A process that prepared to succeed a dead one may hold shards for another moment.
        with locked(meeting.successor_lock, patience_seconds=_LOCK_PATIENCE_SECONDS):
            pass
        _live(data_dir, meeting, lock=lock, idle_seconds=idle_seconds, ready=ready)


def _sole(meeting: Rendezvous, stack: contextlib.ExitStack) -> int | None:
    """Take the process lock for good; None if another process holds it and answers.

    Raises:
        TimeoutError: another process holds it and does not answer.
    """
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            return stack.enter_context(
                locked(meeting.process_lock, patience_seconds=_LOCK_GLANCE_SECONDS)
            )
        except TimeoutError:
            address = meeting.address()
            # A starter that died left a process behind: it serves, and this one is not needed.
            with contextlib.suppress(EOFError, OSError, AuthenticationError):
                if address is not None:
                    Channel.dial(address, meeting.key()).close()
                    return None
            if time.monotonic() >= deadline:
                raise


def _live(
    data_dir: Path, meeting: Rendezvous, *, lock: int, idle_seconds: float, ready: int
) -> None:
    key, address = meeting.key(), meeting.socket_path()
    shards = ShardDirectory(meeting.shards)
    shards.sweep()
    # Left by a predecessor that was killed; we hold the lock.
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(_BACKLOG)
        post = Post(data_dir, meeting, lock=lock, listener=listener)
        post.sign()
        meeting.announce(address)
        os.write(ready, READY)
        os.close(ready)
        IndexServer(shards, post, key=key, idle_seconds=idle_seconds).serve()


def _detach() -> None:
    """Become nobody's child, so that no starter has to wait for us, and keep no mount busy."""
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)


if __name__ == "__main__":
    _detach()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    main(Path(sys.argv[1]), idle_seconds=float(sys.argv[2]), ready=int(sys.argv[3]))
