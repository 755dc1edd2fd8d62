"""Copying a shard's files: without their holes, and onto the disk for good.

The engine lays its files out far larger than what stands in them, so a plain copy of a small shard
writes hundreds of megabytes of nothing. What never lives here: which shard, and when.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK: Final = 512  # Unit of st_blocks, whatever the file system's own is.
_STRETCH: Final = 2**24


def copied(source: Path, target: Path) -> None:
    """Copy a directory, leaving holes where the originals have them; nobody may be writing to it.

    Raises:
        OSError: no room, or no right.
    """
    shutil.copytree(source, target, copy_function=_copy_file)


def occupied(directory: Path) -> int:
    """Bytes a directory takes on the disk."""
    return sum(path.lstat().st_blocks * _BLOCK for path in directory.rglob("*") if path.is_file())


def settled(directory: Path) -> None:
    """Return once everything in a directory is on the disk."""
    for path in (directory, *directory.rglob("*")):
        if path.is_file() or path.is_dir():
            with _opened(path, os.O_RDONLY) as file:
                os.fsync(file)


def _copy_file(source: str, target: str) -> None:
    with (
        _opened(source, os.O_RDONLY) as original,
        _opened(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY) as copy,
    ):
        size = os.fstat(original).st_size
        os.truncate(copy, size)
        for start, end in _filled(original, size):
            _copy_range(original, copy, start, end)


def _filled(file: int, size: int) -> Iterator[tuple[int, int]]:
    """The stretches of a file that hold something."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # Nothing but a hole from here on.
                return
            raise
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def _copy_range(original: int, copy: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(original, min(_STRETCH, end - start), start)
        if not data:
            return
        written = 0
        while written < len(data):
            written += os.pwrite(copy, data[written:], start + written)
        start += len(data)


@contextmanager
def _opened(path: Path | str, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    finally:
        os.close(file)
