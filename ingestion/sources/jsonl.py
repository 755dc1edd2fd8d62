"""Manifests in JSON Lines: one object a line, in UTF-8.

A line that cannot be read is one failure, and so is a last one that was torn; the others count.
What never lives here: what the fields mean.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from acl import strict_json
from ingestion.errors import SourceError
from ingestion.sources.manifest import MAX_BYTES, Entry, manifest_kind

MAX_LINE: Final = 2 * MAX_BYTES
"""Escapes and base64 make content longer; a longer line still is not read into memory."""
_BOM: Final = b"\xef\xbb\xbf"


class JsonlRows:
    """The lines of a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def walk(self, *, labels_only: bool) -> Iterator[Entry]:
        """Yield every line that is not blank."""
        del labels_only  # a line is read whole
        with self._opened() as stream:
            offset, number = 0, 0
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                place, size = f"{offset}+{len(line)}", len(line)
                if size > MAX_LINE:
                    size += _skip_line(stream, line)
                    yield Entry(number, place, None, f"longer than {MAX_LINE} bytes; split it")
                elif line.strip() not in {b"", _BOM}:
                    yield _entry(number, place, line)
                offset += size

    def at(self, place: str) -> Mapping[str, Any]:
        """Return the row at a place."""
        offset, plus, length = place.partition("+")
        if not (plus and offset.isdecimal() and length.isdecimal() and int(length) <= MAX_LINE):
            raise SourceError("place: was not listed by this source; list it again")
        with self._opened() as stream:
            stream.seek(int(offset))
            values = _entry(0, place, stream.read(int(length))).values
        if values is None:
            raise SourceError(f"{self._path.name}: changed while it was read; run again")
        return values

    def _opened(self) -> BinaryIO:
        try:
            # A pipe put in the place of the file would otherwise block the run for ever.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            return os.fdopen(descriptor, "rb")
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise SourceError(f"path: {self._path} cannot be read ({why})") from error


def _skip_line(stream: BinaryIO, line: bytes) -> int:
    """Read on to the end of a line that is too long, keeping nothing; return how far that was."""
    skipped = 0
    while line and not line.endswith(b"\n"):
        line = stream.readline(1 << 20)
        skipped += len(line)
    return skipped


def _entry(number: int, place: str, line: bytes) -> Entry:
    try:
        values = strict_json.loads(line.removeprefix(_BOM))
    except ValueError as error:  # of which errors of decoding are some
        what = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "is not valid JSON"
        torn = "" if line.endswith(b"\n") else ", and its end is missing"
        return Entry(number, place, None, f"the line {what}{torn}; write it again")
    if not isinstance(values, dict):
        return Entry(number, place, None, "the line is not an object; write {…}")
    return Entry(number, place, values)


KIND = manifest_kind(JsonlRows)
