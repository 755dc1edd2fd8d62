"""Manifests in Parquet: one row a document, read by row groups.

Listing reads no content column, and fetching goes through a row group once, so memory holds some
hundred rows whatever the size of the file. What never lives here: what the columns mean.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import SourceError
from ingestion.sources.manifest import Entry, manifest_kind
from ingestion.sources.row import CONTENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BATCH: Final = 256
_LABELS: Final = ("external_id", "acl")


class ParquetRows:
    """The rows of a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._group = -1
        self._reached = 0
        self._rest: Iterator[Mapping[str, Any]] = iter(())

    def walk(self, *, labels_only: bool) -> Iterator[Entry]:
        """Yield every row without its content."""
        number = 0
        with self._opened() as file:
            known = file.schema_arrow.names
            columns = [
                name
                for name in known
                if name not in CONTENT and (not labels_only or name in _LABELS)
            ]
            if "external_id" not in columns:
                raise SourceError(f"path: {self._path} has no column external_id; add it")
            for group in range(file.num_row_groups):
                for row, values in enumerate(self._rows(file, group, columns)):
                    number += 1
                    yield Entry(number, f"{group}:{row}", values)

    def at(self, place: str) -> Mapping[str, Any]:
        """Return the row at a place; cheapest in the order of the listing."""
        group, colon, row = place.partition(":")
        if not (colon and group.isdecimal() and row.isdecimal()):
            raise SourceError("place: was not listed by this source; list it again")
        with self._lock:
            return self._sought(int(group), int(row))

    def _sought(self, group: int, row: int) -> Mapping[str, Any]:
        """Go forward to a row, starting anew where it lies behind."""
        if group != self._group or row < self._reached:
            self._group, self._reached, self._rest = group, 0, self._whole(group)
        for values in self._rest:
            self._reached += 1
            if self._reached > row:
                return values
        self._group = -1
        raise SourceError(f"{self._path.name}: changed while it was read; run again")

    def _whole(self, group: int) -> Iterator[Mapping[str, Any]]:
        with self._opened() as file:
            if group < file.num_row_groups:
                yield from self._rows(file, group, None)

    def _rows(
        self, file: Any, group: int, columns: list[str] | None
    ) -> Iterator[Mapping[str, Any]]:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        try:
            for batch in file.iter_batches(_BATCH, row_groups=[group], columns=columns):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                f"path: {self._path} is damaged in row group {group}; write it again"
            ) from error

    def _opened(self) -> Any:
        try:
            import pyarrow as pa  # noqa: PLC0415 - heavy
            from pyarrow.parquet import ParquetFile  # noqa: PLC0415
        except ImportError as error:
            raise SourceError(
                "kind: parquet needs pyarrow; pip install 'clearance-retrieval[parquet]'"
            ) from error
        try:
            if not self._path.is_file():
                raise FileNotFoundError(2, "no such file")
            return ParquetFile(self._path, pre_buffer=False, memory_map=False)
        except pa.ArrowException as error:
            raise SourceError(f"path: {self._path} is no Parquet file; write it again") from error
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise SourceError(f"path: {self._path} cannot be read ({why})") from error


KIND = manifest_kind(ParquetRows)
