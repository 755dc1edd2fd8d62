"""The writes of the meantime: what a shard was told while a copy of it was being worked on.

A file of length-prefixed frames, written by the index process and read by its successor. It need
not survive anything: each write in it stands in the log of the shard that is still in use. What
never lives here: the meaning of a frame.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, Final

from ingestion.index import rpc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LENGTH: Final = struct.Struct("<Q")


class Journal:
    """The writing end. One writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.length = 0
        self._file = os.open(
            path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )

    def append(self, message: dict[str, Any]) -> None:
        """Add one write.

        Raises:
            OSError: the disk is full; what the journal holds is of no use any more.
        """
        frame = rpc.to_frame(message)
        rest = memoryview(_LENGTH.pack(len(frame)) + frame)
        self.length += len(rest)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read(path: Path, start: int, end: int) -> Iterator[dict[str, Any]]:
    """The writes between two lengths the journal had."""
    with path.open("rb") as file:
        file.seek(start)
        while file.tell() < end:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            yield rpc.from_frame(file.read(length))
