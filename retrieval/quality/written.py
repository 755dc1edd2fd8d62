"""Datasets as files, a batch at a time: CSV for spreadsheets, Parquet for frames.

Neither ever holds more than a batch. What never lives here: deciding what may be told.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.datasets import SHAPES, Kind
from retrieval.quality.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from retrieval.quality.datasets import Dataset

    Rows = Sequence[dict[str, Any]]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


class Format(StrEnum):
    """How a dataset can be had. JSON comes in pages, the others whole."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.PARQUET: "application/vnd.apache.parquet",
}


def as_csv(dataset: Dataset, batches: Iterable[Rows]) -> Iterator[bytes]:
    """RFC 4180 lines in UTF-8; nothing for null, codes with a space between them.

    A text that a spreadsheet would take for a formula, such as the name of a source that somebody
    called ``=HYPERLINK(…)``, gets an apostrophe before it (and so does one that begins with one, so
    that it can be taken off again).
    """
    names = SHAPES[dataset].names
    yield _lines([names])
    for rows in batches:
        if rows:
            yield _lines([[_cell(row[name]) for name in names] for row in rows])


def require_parquet() -> None:
    """See that Parquet can be written, before anything of it is.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - an extra, and heavy
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "format: parquet needs pyarrow where the service runs "
            "(pip install clearance-retrieval[parquet]); ask for csv or json"
        ) from error


def as_parquet(dataset: Dataset, batches: Iterable[Rows]) -> Iterator[bytes]:
    """One row group for each batch; times are in microseconds, UTC."""
    import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    types = {
        Kind.TEXT: pa.string(),
        Kind.DAY: pa.string(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.CODES: pa.list_(pa.string()),
        Kind.YES_NO: pa.bool_(),
    }
    schema = pa.schema([(column.name, types[column.kind]) for column in SHAPES[dataset].columns])
    out = _Passing()
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for rows in batches:
            writer.write_table(pa.Table.from_pylist(list(rows), schema=schema))
            yield out.taken()
    yield out.taken()  # the footer


WRITERS: Final[dict[Format, Callable[[Dataset, Iterable[Rows]], Iterator[bytes]]]] = {
    Format.CSV: as_csv,
    Format.PARQUET: as_parquet,
}


class _Passing(io.RawIOBase):
    """A file that forgets what was taken from it, and knows where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._passed = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Hold it until it is taken."""
        before = len(self._held)
        self._held += data
        return len(self._held) - before

    def tell(self) -> int:
        """Bytes written since the beginning: offsets in the footer count from there."""
        return self._passed + len(self._held)

    def taken(self) -> bytes:
        """What was written since it was last asked."""
        held = bytes(self._held)
        self._passed += len(held)
        self._held.clear()
        return held


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)
