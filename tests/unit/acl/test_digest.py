"""The digest algebra: sums that forget order, digests that forget what is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from acl.digest import EMPTY, MODULUS, add, keyed, keyed_id, view_digest

if TYPE_CHECKING:
    import random

SECRET = bytes(range(32))
_hashes = st.binary(min_size=32, max_size=32)
_name = st.text("abc\0:1", min_size=1, max_size=3)
_pairs = st.dictionaries(st.tuples(_name, _name), _hashes, max_size=5)


def _sum(items: list[bytes], start: bytes = EMPTY) -> bytes:
    for item in items:
        start = add(start, item)
    return start


@given(items=st.lists(_hashes, max_size=6), rng=st.randoms(use_true_random=False))
def test_the_order_of_additions_does_not_matter(items: list[bytes], rng: random.Random) -> None:
    other = list(items)
    rng.shuffle(other)
    assert _sum(items) == _sum(other)


@given(start=_hashes, item=_hashes)
def test_what_is_added_can_be_taken_away_again(start: bytes, item: bytes) -> None:
    inverse = ((MODULUS - int.from_bytes(item, "big")) % MODULUS).to_bytes(32, "big")
    assert add(add(start, item), inverse) == start
    assert add(add(start, inverse), item) == start
    assert len(add(start, item)) == 32


@given(start=_hashes, item=_hashes.filter(any))
def test_an_occurrence_counts_each_time(start: bytes, item: bytes) -> None:
    assert add(start, item) != start


@given(visible=_pairs)
def test_the_view_digest_forgets_order(visible: dict[tuple[str, str], bytes]) -> None:
    content = [(*where, value) for where, value in visible.items()]
    assert view_digest(SECRET, "t", content) == view_digest(SECRET, "t", reversed(content))


@given(visible=_pairs, other=_pairs)
def test_the_view_digest_tells_views_apart(
    visible: dict[tuple[str, str], bytes], other: dict[tuple[str, str], bytes]
) -> None:
    one, two = (
        view_digest(SECRET, "t", [(*where, value) for where, value in content.items()])
        for content in (visible, other)
    )
    assert (one == two) == (visible == other)


def test_the_view_digest_depends_on_tenant_and_secret() -> None:
    pairs = [("a", "wiki", bytes(32))]
    digests = {
        view_digest(SECRET, "t", pairs),
        view_digest(SECRET, "u", pairs),
        view_digest(bytes(32), "t", pairs),
    }
    assert len(digests) == 3


@given(
    one=st.lists(st.text(max_size=4), max_size=4), other=st.lists(st.text(max_size=4), max_size=4)
)
def test_no_two_lists_of_parts_share_a_keyed_hash(one: list[str], other: list[str]) -> None:
    assert (keyed(SECRET, "p", *one) == keyed(SECRET, "p", *other)) == (one == other)


def test_a_keyed_id_is_a_function_of_secret_purpose_and_parts() -> None:
    ids = {
        keyed_id(SECRET, "chunk", "a", "b"),
        keyed_id(SECRET, "document", "a", "b"),
        keyed_id(SECRET, "chunk", "ab"),
        keyed_id(bytes(32), "chunk", "a", "b"),
    }
    assert len(ids) == 4
    assert keyed_id(SECRET, "chunk", "a", "b") in ids


def test_ids_and_digests_are_what_they_were_when_the_first_catalogues_were_written() -> None:
    assert keyed_id(SECRET, "chunk", "bank", b"\0", 7) == "9307c6ab-f591-b6fe-98fb-e7becc2a0fb7"
    assert keyed(SECRET, "a purpose of more than 16 bytes", "bank").hex() == (
        "0e5787ed4879c9e11d5a1f18500536725eb5832a888a6fddc8e2dc0ecdd616a0"
    )
    assert view_digest(SECRET, "bank", [("acl", "wiki", bytes(31) + b"\1")]) == (
        "d8782713fadefb937fe421f40018217a752bda02bbf79e14f380442d2887100c"
    )


@given(start=_hashes, item=_hashes)
def test_a_content_hash_is_a_sum_of_numbers_written_big_endian(start: bytes, item: bytes) -> None:
    total = sum(int.from_bytes(part, "big") for part in (start, item)) % 2**256
    assert add(start, item) == total.to_bytes(32, "big")
    assert add(EMPTY, item) == item
    assert len(EMPTY) == len(item)
