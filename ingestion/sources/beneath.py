"""Reading a file beneath a folder without being led out of it.

Each step is taken from the folder before it and follows no link, so that nobody who can make links
in the folder, or swap a part of the path meanwhile, decides which file is read. What never lives
here: which files there are, or whose they are.
"""

import os
import stat
import unicodedata
from contextlib import ExitStack
from pathlib import Path

from ingestion.errors import SourceError

# A pipe put in the place of a file would otherwise block the run for ever.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def read_beneath(root: Path, relative: str, *, limit: int) -> bytes:
    """Return the bytes of a file, whatever Unicode normalisation the disk has for its name.

    Args:
        root: The folder; may itself be reached by a link.
        relative: POSIX path below it.
        limit: The most bytes there may be.

    Raises:
        SourceError: It is not there, is no plain file, is too large, or leads out of the folder.
    """
    *folders, name = relative.split("/")
    try:
        with ExitStack() as stack:
            at = _opened(stack, os.open(root, _OPEN_FOLDER))
            for folder in folders:
                at = _opened(stack, _open_at(at, folder, _OPEN_FOLDER))
            return _read(_opened(stack, _open_at(at, name, _OPEN_FILE)), limit)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise SourceError(
            f"{relative}: cannot be fetched ({why}); run again once it is back"
        ) from error


def read_file(path: Path, *, limit: int) -> bytes:
    """Return the bytes of a file that is no link.

    Raises:
        OSError: It cannot be opened, or is a link.
        SourceError: It is no plain file, or too large.
    """
    with ExitStack() as stack:
        return _read(_opened(stack, os.open(path, _OPEN_FILE)), limit)


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _open_at(folder: int, name: str, flags: int) -> int:
    """Open ``name`` in a folder, whatever Unicode normalisation the disk has for it.

    Raises:
        OSError: It is not there, is a link, or may not be opened.
    """
    if name in {"", ".", ".."} or "\0" in name:
        raise FileNotFoundError(2, "no such file")
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        for actual in sorted(os.listdir(folder)):
            if unicodedata.normalize("NFC", actual) == unicodedata.normalize("NFC", name):
                return os.open(actual, flags, dir_fd=folder)
        raise


def _read(descriptor: int, limit: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise SourceError("no longer a plain file; run again once it is back")
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise SourceError(f"more than {limit} bytes; split the file or raise the limit")
    return content
