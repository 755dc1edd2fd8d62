"""The arithmetic of the chain, held to a second writing of what its module says."""

from __future__ import annotations

import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from acl.audit.chain import genesis, row_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HASH = st.binary(min_size=32, max_size=32)
NUMBER = st.integers(min_value=0, max_value=2**62)
ROW = st.tuples(HASH, TEXT, TEXT, NUMBER, NUMBER, TEXT, TEXT)


def as_an_auditor_would(domain: str, *parts: bytes | str | int) -> bytes:
    raw = [domain.encode(), *(p if isinstance(p, bytes) else f"{p}".encode() for p in parts)]
    return hashlib.sha256(b"".join(struct.pack(">Q", len(p)) + p for p in raw)).digest()


def hash_of(row: tuple[bytes, str, str, int, int, str, str]) -> bytes:
    previous, tenant, stream, seq, at, kind, body = row
    return row_hash(previous, tenant=tenant, stream=stream, seq=seq, at=at, kind=kind, body=body)


@given(ROW)
def test_an_auditor_with_the_description_alone_gets_the_same_hash(
    row: tuple[bytes, str, str, int, int, str, str],
) -> None:
    assert hash_of(row) == as_an_auditor_would("clearance-audit-row-v1", *row)


@given(ROW, ROW)
def test_two_rows_hash_alike_only_if_they_are_the_same(
    one: tuple[bytes, str, str, int, int, str, str],
    other: tuple[bytes, str, str, int, int, str, str],
) -> None:
    assert (hash_of(one) == hash_of(other)) == (one == other)


def test_text_moved_from_one_field_to_the_next_changes_the_hash() -> None:
    row = (bytes(32), "bank", "access", 1, 2, "que", "ry{}")
    assert hash_of(row) != hash_of((*row[:5], "query", "{}"))
    assert genesis("bank", "access") != genesis("ban", "kaccess")


def test_a_chain_begins_with_its_tenant_and_stream() -> None:
    assert genesis("bank", "access") == as_an_auditor_would(
        "clearance-audit-genesis-v1", "bank", "access"
    )
    starts = {genesis(t, s) for t in ("bank", "shop") for s in ("access", "administration")}
    assert len(starts) == 4


def test_the_hash_is_what_it_was_when_the_first_audits_were_written() -> None:
    start = genesis("bank", "access")
    row = (start, "bank", "access", 1, 1_772_452_800_000_000, "query", '{"subject":"user:ann"}')
    assert (start.hex(), hash_of(row).hex()) == (
        "fbe133e14459b08ad6f23bf343a15bfadee1e7f2ecb4441f41264b8d84024fff",
        "2ad88af14b4f110ee82c871507fae4519f5e059c6d8eb3543afb19daeec6743c",
    )
