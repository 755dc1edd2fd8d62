"""Exports: both formats come back as what was written, and as nothing else."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from acl.audit.files import METADATA_KEY, read, write
from acl.audit.kinds import Format
from acl.audit.reading import Chain
from acl.audit.verify import Fault, check
from acl.errors import AuditError
from acl.signing import Signer
from tests.support.chains import Forgeable, chain_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from acl.audit.verify import Verdict

FORMATS = list(Format)
BODIES = [{"subject": "user:änn", "n": n} for n in range(5)]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.open(tmp_path_factory.mktemp("signing"))


def as_chain(chain: Forgeable) -> Chain:
    return Chain(chain.tenant, chain.stream, chain.head, chain.checkpoints, iter(chain.links))


def verdict(path: Path, jwks: dict[str, Any], *checkpoints: str) -> Verdict:
    with read(path) as chain:
        return check(chain, jwks=jwks, checkpoints=checkpoints)


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_read_is_what_was_written(tmp_path: Path, signer: Signer, format_: Format) -> None:
    chain, path = chain_of(BODIES), tmp_path / "audit"
    chain.checkpoints = [chain.checkpoint(signer, 4)]
    assert write(as_chain(chain), path, format_) == len(BODIES)
    with read(path) as found:
        assert (found.tenant, found.stream, found.head) == ("bank", "access", chain.head)
        assert found.checkpoints == chain.checkpoints
        assert list(found.links) == chain.links
    assert verdict(path, signer.jwks()).checkpoints == 1


@pytest.mark.parametrize("format_", FORMATS)
def test_an_empty_chain_can_be_taken_along(tmp_path: Path, signer: Signer, format_: Format) -> None:
    path = tmp_path / "audit"
    assert write(as_chain(Forgeable([], None)), path, format_) == 0
    assert verdict(path, signer.jwks()).intact


@pytest.mark.parametrize("format_", FORMATS)
def test_only_its_owner_reads_it_and_nothing_is_left_of_a_failed_one(
    tmp_path: Path, format_: Format
) -> None:
    path = tmp_path / "audit"
    write(as_chain(chain_of(BODIES)), path, format_)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    broken = chain_of(BODIES)
    broken.links.append(None)  # type: ignore[arg-type]  # stands for a disk that fails
    with pytest.raises(AttributeError):
        write(as_chain(broken), path, format_)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["audit"]


@given(data=st.data())
def test_any_byte_changed_in_a_file_of_lines_is_found(
    tmp_path_factory: pytest.TempPathFactory, signer: Signer, data: st.DataObject
) -> None:
    chain = chain_of(BODIES)
    chain.checkpoints = [chain.checkpoint(signer, 4)]
    path = tmp_path_factory.mktemp("export") / "audit.jsonl"
    write(as_chain(chain), path, Format.JSONL)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    try:
        found = verdict(path, signer.jwks())
    except AuditError:
        return  # it is no export any more
    assert not found.intact


@pytest.mark.parametrize(
    "other",
    [
        lambda line: line.replace(b":", b": ", 1),
        lambda line: line.removesuffix(b"\n"),
        lambda line: line.replace(b"{", b'{"seq":9,', 1),
        lambda line: line.replace(b"query", b"quer\\u0079", 1),
        lambda line: b"\n" + line,
        lambda line: line[:-67] + line[-67:].upper(),  # the hash in capitals
    ],
)
def test_a_row_that_says_the_same_in_another_spelling_is_not_what_was_written(
    tmp_path: Path, signer: Signer, other: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "audit.jsonl"
    write(as_chain(chain_of(BODIES)), path, Format.JSONL)
    *before, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((*before, other(last))))
    assert verdict(path, signer.jwks()).fault is Fault.UNREADABLE


def test_rows_of_a_file_that_were_moved_or_dropped_are_found(
    tmp_path: Path, signer: Signer
) -> None:
    path = tmp_path / "audit.jsonl"
    write(as_chain(chain_of(BODIES)), path, Format.JSONL)
    about, *rows = path.read_bytes().splitlines(keepends=True)

    def fault(*kept: bytes) -> Fault | None:
        path.write_bytes(b"".join((about, *kept)))
        return verdict(path, signer.jwks()).fault

    assert fault(*rows) is None
    assert fault(rows[0], rows[2], rows[1], *rows[3:]) is Fault.REORDERED
    assert fault(*rows[:2], *rows[3:]) is Fault.REMOVED
    assert fault(*rows[:-1]) is Fault.TRUNCATED
    assert fault(*rows[:2], b"nonsense\n", *rows[3:]) is Fault.UNREADABLE
    assert fault(*rows[:2], b"[" * 100_000, *rows[3:]) is Fault.UNREADABLE


def test_a_file_shortened_with_its_head_is_found_by_the_checkpoint_in_it(
    tmp_path: Path, signer: Signer
) -> None:
    chain, path = chain_of(BODIES), tmp_path / "audit.jsonl"
    chain.checkpoints = [chain.checkpoint(signer, 4)]
    del chain.links[3:]
    chain.forge(3)
    write(as_chain(chain), path, Format.JSONL)
    assert verdict(path, signer.jwks()).fault is Fault.TRUNCATED


def test_a_row_changed_in_parquet_is_found(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "audit.parquet"
    write(as_chain(chain_of(BODIES)), path, Format.PARQUET)
    table = parquet.read_table(path)
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"
    rows = table.to_pylist()
    rows[2]["body"] = "{}"
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert (verdict(path, signer.jwks()).fault, verdict(path, signer.jwks()).seq) == (
        Fault.CHANGED,
        3,
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"{}\n",
        b'{"audit": null}\n',
        b'{"audit": {"tenant": 1, "stream": "access", "head": null, "checkpoints": []}}\n',
        b'{"audit": {"tenant": "b", "stream": "a", "head": {}, "checkpoints": []}}\n',
        b'{"audit": {"tenant": "b", "stream": "a", "head": null, "checkpoints": [1]}}\n',
        b"PAR1 but no Parquet",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_export_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(AuditError, match="not an export"), read(path):
        pass


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(AuditError, match="not an export"), read(path):
        pass


def test_a_parquet_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    about = {"tenant": "bank", "stream": "access", "head": None, "checkpoints": []}
    table = pa.table({"a": [1]}).replace_schema_metadata({METADATA_KEY: json.dumps(about)})
    parquet.write_table(table, path)
    with pytest.raises(AuditError, match="not an export"), read(path):
        pass


def test_without_pyarrow_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(AuditError, match=r"clearance-retrieval\[parquet\]"):
        write(as_chain(chain_of(BODIES)), tmp_path / "audit.parquet", Format.PARQUET)
    assert write(as_chain(chain_of(BODIES)), tmp_path / "audit.jsonl", Format.JSONL) == len(BODIES)
