"""The process beside a settling: it signs and compares texts, one request after the other.

Started as ``python -m ingestion.near.worker FD`` by :mod:`ingestion.near.companion`; ``FD`` is its
end of a socket, and it ends when the other end closes, however that process died. It is given no
secret, no configuration and no catalogue, only texts.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from ingestion.near.batch import marks
from ingestion.near.confirm import compared
from ingestion.near.wire import (
    Task,
    pack_marks,
    pack_pairs,
    unpack_candidates,
    unpack_texts,
)

READY = b"ready"
_NICE = 5  # queries go before ingestion


def serve(pipe: Connection) -> None:
    """Answer until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other end's to handle
    os.nice(_NICE)
    pipe.send_bytes(READY)
    while True:
        task = Task(pipe.recv_bytes().decode())
        for answer in _answer(task, pipe.recv_bytes()):
            pipe.send_bytes(answer)


def _answer(task: Task, content: bytes) -> list[bytes]:
    if task is Task.MARK:
        return pack_marks(marks(unpack_texts(content)))
    return [pack_pairs(compared(*unpack_candidates(content)))]


if __name__ == "__main__":
    with suppress(EOFError, ConnectionError):  # the other end is gone, and so is the work
        serve(Connection(int(sys.argv[1])))
