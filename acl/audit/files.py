"""A chain in a file, to be kept and verified elsewhere: JSON Lines or Parquet.

Both hold every column of the chain and, once, what is known about it: the tenant, the stream, the
head and the signed checkpoints. In JSON Lines that is the first line; in Parquet it stands in the
metadata of the file under :data:`METADATA_KEY`. Hashes are hex; times are microseconds since the
epoch, in Parquet as timestamps. Parquet needs pyarrow, which the extra ``parquet`` brings.

A file is written beside its place and put there when it is whole, readable by its owner alone: it
tells who was shown what.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from acl.audit.kinds import Format
from acl.audit.reading import Chain, Head, Link, UnreadableRowError
from acl.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

METADATA_KEY: Final = b"clearance.audit"
_COLUMNS: Final = ("seq", "at", "kind", "body", "previous", "hash")
_HEAD: Final = ("seq", "hash", "kept_from")
_ROWS_AT_ONCE: Final = 10_000
_MAGIC: Final = b"PAR1"


def write(chain: Chain, path: Path, format_: Format) -> int:
    """Write the chain to ``path``, replacing what is there. Returns the number of rows.

    Raises:
        AuditError: the format needs a library that is not installed; the message says which.
        OSError: the file cannot be written.
    """
    with _placed(path) as file:
        return (
            _write_parquet(chain, file) if format_ is Format.PARQUET else _write_lines(chain, file)
        )


@contextmanager
def read(path: Path) -> Iterator[Chain]:
    """The chain in a file of either format, read as its links are asked for.

    Raises:
        AuditError: it is not such a file; the message says why.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
        file.seek(0)
        yield _read_parquet(file, path) if magic == _MAGIC else _read_lines(file, path)


def _about(chain: Chain) -> dict[str, Any]:
    head = chain.head
    return {
        "tenant": chain.tenant,
        "stream": chain.stream,
        "head": head and _values(head, _HEAD),
        "checkpoints": list(chain.checkpoints),
    }


def _values(stored: Link | Head, names: tuple[str, ...]) -> dict[str, Any]:
    """What is stored by name; bytes as hex, anything else as it is."""
    raw = {name: getattr(stored, name) for name in names}
    return {name: v.hex() if isinstance(v, bytes) else v for name, v in raw.items()}


def _chain(about: Any, rows: Iterator[Any], path: Path) -> Chain:
    """The chain that a file tells of; what is no such file is refused, what is wrong in it kept."""
    try:
        head = about["head"]
        found = (
            head if head is None else Head(head["seq"], _unhexed(head["hash"]), head["kept_from"])
        )
        known = Chain(
            about["tenant"], about["stream"], found, about["checkpoints"], map(_link, rows)
        )
        well_formed = (
            isinstance(known.tenant, str)
            and isinstance(known.stream, str)
            and isinstance(known.checkpoints, list)
            and all(isinstance(jws, str) for jws in known.checkpoints)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _not_an_export(path) from error
    if not well_formed:
        raise _not_an_export(path)
    return known


def _link(row: Any) -> Link:
    try:
        seq, at, kind, body, previous, hash_ = (row[name] for name in _COLUMNS)
        return Link(seq, at, kind, body, _unhexed(previous), _unhexed(hash_))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRowError("not a row of an export") from error


def _unhexed(text: Any) -> bytes:
    """The bytes of a hash in its only spelling: lower case, no blanks."""
    raw = bytes.fromhex(text)
    if raw.hex() != text:
        raise ValueError("not as it was written")
    return raw


def _write_lines(chain: Chain, file: BinaryIO) -> int:
    file.write(_line({"audit": _about(chain)}))
    rows = 0
    for link in chain.links:
        file.write(_line(_values(link, _COLUMNS)))
        rows += 1
    return rows


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _read_lines(file: BinaryIO, path: Path) -> Chain:
    try:
        about = _spelled(file.readline())["audit"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _not_an_export(path) from error
    return _chain(about, map(_parsed, file), path)


def _spelled(line: bytes) -> Any:
    """What a line says, if it is spelled as we write it: then no byte of it was changed unseen.

    Raises:
        ValueError: it is not JSON, or spelled in another way.
    """
    value = json.loads(line)
    if _line(value) != line:
        raise ValueError("not as it was written")
    return value


def _parsed(line: bytes) -> Any:
    try:
        return _spelled(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableRowError("not a row of an export") from error


def _write_parquet(chain: Chain, file: BinaryIO) -> int:
    pyarrow, parquet = _pyarrow()
    text = pyarrow.string()
    kinds = (pyarrow.int64(), pyarrow.timestamp("us", tz="UTC"), text, text, text, text)
    about = json.dumps(_about(chain)).encode()
    schema = pyarrow.schema(list(zip(_COLUMNS, kinds, strict=True)), metadata={METADATA_KEY: about})
    rows = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := [_values(link, _COLUMNS) for link in islice(chain.links, _ROWS_AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            rows += len(batch)
    return rows


def _read_parquet(file: BinaryIO, path: Path) -> Chain:
    pyarrow, parquet = _pyarrow()
    try:
        table = parquet.ParquetFile(file)
        about = json.loads((table.schema_arrow.metadata or {})[METADATA_KEY])
        if table.schema_arrow.names != list(_COLUMNS):
            raise _not_an_export(path)
    except (pyarrow.ArrowException, KeyError, ValueError) as error:
        raise _not_an_export(path) from error
    return _chain(about, _parquet_rows(table, pyarrow), path)


def _parquet_rows(table: Any, pyarrow: Any) -> Iterator[Any]:
    try:
        for batch in table.iter_batches(_ROWS_AT_ONCE):
            at = batch.column("at").cast(pyarrow.int64())
            yield from batch.set_column(batch.schema.names.index("at"), "at", at).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UnreadableRowError(type(error).__name__) from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise AuditError(
            "Parquet needs pyarrow: pip install 'clearance-retrieval[parquet]', or use jsonl"
        ) from error
    return pa, parquet


def _not_an_export(path: Path) -> AuditError:
    return AuditError(f"{path}: not an export of the audit; make one with 'clearance audit export'")


@contextmanager
def _placed(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when it is whole and on the disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
