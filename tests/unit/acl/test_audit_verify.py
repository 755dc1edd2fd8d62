"""Verification of a chain: nothing that is done to it goes unfound, and nothing else is found."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.audit.reading import Head, Link
from acl.audit.verify import Fault
from acl.signing import Signer
from tests.support.chains import Forgeable, chain_of

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

BODIES = st.lists(st.fixed_dictionaries({"n": st.integers(0, 9)}), min_size=1, max_size=12)
FIELDS = [field.name for field in fields(Link)]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.open(tmp_path_factory.mktemp("signing"))


@pytest.fixture(scope="module")
def jwks(signer: Signer) -> dict[str, Any]:
    return signer.jwks()


def flipped(value: Any, bit: int) -> Any:
    """The value with one bit changed, as it would be read again."""
    match value:
        case int():
            return value ^ (1 << bit % 62)
        case str():
            raw = bytearray(value.encode())
            raw[bit // 8 % len(raw)] ^= 1 << bit % 8
            return bytes(raw).decode("utf-8", "surrogateescape")
        case _:
            raw = bytearray(value)
            raw[bit // 8 % len(raw)] ^= 1 << bit % 8
            return bytes(raw)


def place_in(chain: Forgeable, data: DataObject) -> int:
    return data.draw(st.integers(0, len(chain.links) - 1))


@given(BODIES)
def test_an_untouched_chain_is_intact(jwks: dict[str, Any], bodies: list[dict[str, int]]) -> None:
    verdict = chain_of(bodies).verdict(jwks)
    assert (verdict.intact, verdict.rows, verdict.last) == (True, len(bodies), len(bodies))


@given(BODIES, st.sampled_from(FIELDS), st.integers(0, 10_000), st.data())
def test_any_bit_changed_in_any_field_of_any_row_is_found(
    jwks: dict[str, Any], bodies: list[dict[str, int]], field: str, bit: int, data: DataObject
) -> None:
    chain = chain_of(bodies)
    place = place_in(chain, data)
    chain.change(place, **{field: flipped(getattr(chain.links[place], field), bit)})
    verdict = chain.verdict(jwks)
    assert not verdict.intact
    assert verdict.seq == place + 1


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [None, True, 1.0, "1", b"1", "\ud800", b"", "", -1, 2**63])
def test_a_field_of_another_type_is_a_change_and_no_crash(
    jwks: dict[str, Any], field: str, value: Any
) -> None:
    chain = chain_of([{"n": 1}, {"n": 2}])
    chain.change(0, **{field: value})
    assert not chain.verdict(jwks).intact


@given(BODIES, st.data())
def test_any_row_removed_is_found(
    jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of(bodies)
    place = place_in(chain, data)
    del chain.links[place]
    verdict = chain.verdict(jwks)
    expected = Fault.TRUNCATED if place == len(bodies) - 1 else Fault.REMOVED
    assert (verdict.fault, verdict.seq) == (expected, place + 1)


@given(BODIES, st.data())
def test_any_two_rows_swapped_are_found(
    jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of([{"n": 0}, *bodies])
    one = place_in(chain, data)
    other = data.draw(st.sampled_from([p for p in range(len(chain.links)) if p != one]))
    links = chain.links
    links[one], links[other] = links[other], links[one]
    assert chain.verdict(jwks).fault is Fault.REORDERED
    # The same with their numbers swapped back, as if nothing had moved.
    links[one], links[other] = (
        replace(links[one], seq=links[other].seq),
        replace(links[other], seq=links[one].seq),
    )
    verdict = chain.verdict(jwks)
    assert (verdict.fault, verdict.seq) == (Fault.REORDERED, min(one, other) + 1)


@given(BODIES, st.data())
def test_any_end_cut_off_is_found_by_the_head(
    jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of(bodies)
    place = place_in(chain, data)
    del chain.links[place:]
    verdict = chain.verdict(jwks)
    assert (verdict.fault, verdict.seq) == (Fault.TRUNCATED, place + 1)


@given(BODIES, st.data())
def test_an_end_cut_off_with_the_head_is_found_by_a_checkpoint_kept_elsewhere(
    signer: Signer, jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of([*bodies, {"n": 1}])
    place = place_in(chain, data)
    kept = chain.checkpoint(signer, place)
    cut = data.draw(st.integers(0, place))
    del chain.links[cut:]
    chain.forge(len(chain.links))
    assert chain.verdict(jwks).intact  # nothing in the database could show it
    assert chain.verdict(jwks, [kept]).fault is Fault.TRUNCATED


@given(BODIES, st.data())
def test_a_chain_made_anew_is_found_by_any_checkpoint_after_the_change(
    signer: Signer, jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of(bodies)
    signed = place_in(chain, data)
    kept = chain.checkpoint(signer, signed)
    changed = data.draw(st.integers(0, signed))
    chain.change(changed, body='{"n":10}')
    chain.forge(changed)
    assert chain.verdict(jwks).intact
    verdict = chain.verdict(jwks, [kept])
    assert (verdict.fault, verdict.seq) == (Fault.CHECKPOINT_MISMATCH, signed + 1)


@given(BODIES, st.data())
def test_a_row_slipped_in_is_found(
    jwks: dict[str, Any], bodies: list[dict[str, int]], data: DataObject
) -> None:
    chain = chain_of(bodies)
    place = place_in(chain, data)
    chain.links.insert(place, chain.links[place])
    assert not chain.verdict(jwks).intact


@pytest.mark.parametrize(
    "head",
    [
        None,
        Head(2, bytes(32), 1),
        Head(1, bytes(32), 1),
        Head("2", bytes(32), 1),
        Head(2, "x", 1),
        Head(2, bytes(32), None),
        Head(2, bytes(32), 2),
        Head(2, bytes(32), 0),
    ],
)
def test_a_head_that_was_changed_is_found(jwks: dict[str, Any], head: Head | None) -> None:
    chain = chain_of([{"n": 1}, {"n": 2}])
    chain.head = head
    assert not chain.verdict(jwks).intact


def test_a_number_that_only_counts_as_one_is_not_one(jwks: dict[str, Any]) -> None:
    chain = chain_of([{"n": 1}])
    assert chain.head is not None
    chain.head = replace(chain.head, seq=True)
    assert chain.verdict(jwks).fault is Fault.HEAD_MISMATCH


def test_an_audit_that_never_began_is_intact_and_one_that_is_gone_is_not(
    signer: Signer, jwks: dict[str, Any]
) -> None:
    chain = chain_of([{"n": 1}])
    kept = chain.checkpoint(signer, 0)
    gone = Forgeable([], None)
    assert gone.verdict(jwks).intact
    assert gone.verdict(jwks, [kept]).fault is Fault.TRUNCATED


def test_every_character_of_a_checkpoint_counts(signer: Signer, jwks: dict[str, Any]) -> None:
    chain = chain_of([{"n": 1}])
    good = chain.checkpoint(signer, 0)
    chain.checkpoints = [good]
    assert chain.verdict(jwks).checkpoints == 1
    for place, char in enumerate(good):
        other = "A" if char != "A" else "B"
        chain.checkpoints = [good[:place] + other + good[place + 1 :]]
        assert chain.verdict(jwks).fault is Fault.BAD_SIGNATURE


def test_a_checkpoint_counts_only_under_a_key_that_is_trusted(signer: Signer) -> None:
    chain = chain_of([{"n": 1}])
    chain.checkpoints = [chain.checkpoint(signer, 0)]
    assert chain.verdict({"keys": []}).fault is Fault.BAD_SIGNATURE


def test_a_statement_of_another_kind_is_no_checkpoint(signer: Signer, jwks: dict[str, Any]) -> None:
    chain = chain_of([{"n": 1}])
    says = {"tenant": "bank", "stream": "access", "seq": 1, "hash": "00", "at": 1}
    for jws in (
        signer.sign(says, typ="clearance-receipt+jwt"),
        signer.sign({**says, "more": 1}, typ="clearance-checkpoint+jwt"),
        signer.sign({**says, "seq": "1"}, typ="clearance-checkpoint+jwt"),
        signer.sign({**says, "hash": "zz"}, typ="clearance-checkpoint+jwt"),
    ):
        chain.checkpoints = [jws]
        assert chain.verdict(jwks).fault is Fault.BAD_SIGNATURE


def test_a_checkpoint_of_another_chain_is_passed_over_unless_it_is_stored_with_this_one(
    signer: Signer, jwks: dict[str, Any]
) -> None:
    chain = chain_of([{"n": 1}])
    foreign = chain.checkpoint(signer, 0, tenant="shop", hash=bytes(32))
    assert chain.verdict(jwks, [foreign]).intact
    chain.checkpoints = [foreign]
    assert chain.verdict(jwks).fault is Fault.CHECKPOINT_MISMATCH


def test_two_checkpoints_that_disagree_are_found(signer: Signer, jwks: dict[str, Any]) -> None:
    chain = chain_of([{"n": 1}])
    chain.checkpoints = [chain.checkpoint(signer, 0)]
    other = chain.checkpoint(signer, 0, hash=bytes(32))
    assert chain.verdict(jwks, [other]).fault is Fault.CHECKPOINT_MISMATCH


def retained(signer: Signer, *, tell: bool = True, sign: bool = True, told: int = 3) -> Forgeable:
    """A chain of four rows whose first two were removed by retention."""
    chain = chain_of([{"n": 1}, {"n": 2}, {"n": 3}, {"kept_from": told}])
    if tell:
        chain.change(3, kind="audit.retention")
        chain.forge(3)
    chain.checkpoints = [chain.checkpoint(signer, 1)] if sign else []
    chain.head = replace(chain.head, kept_from=3)
    del chain.links[:2]
    return chain


def test_a_beginning_cut_off_at_a_checkpoint_and_told_of_is_no_fault(
    signer: Signer, jwks: dict[str, Any]
) -> None:
    verdict = retained(signer).verdict(jwks)
    assert (verdict.intact, verdict.rows, verdict.kept_from, verdict.checkpoints) == (True, 2, 3, 1)


def test_a_beginning_that_is_gone_without_signature_or_without_a_word_is_found(
    signer: Signer, jwks: dict[str, Any]
) -> None:
    assert retained(signer, sign=False).verdict(jwks).fault is Fault.REMOVED
    assert retained(signer, tell=False).verdict(jwks).fault is Fault.REMOVED
    assert retained(signer, told=2).verdict(jwks).fault is Fault.REMOVED  # of an earlier one


def test_what_is_kept_must_follow_what_was_signed(signer: Signer, jwks: dict[str, Any]) -> None:
    chain = retained(signer)
    chain.checkpoints = [chain.checkpoint(signer, 0, seq=2, hash=bytes(32))]
    assert chain.verdict(jwks).fault is Fault.CHANGED


def test_a_row_that_should_be_gone_is_found(signer: Signer, jwks: dict[str, Any]) -> None:
    chain = chain_of([{"n": 1}, {"n": 2}])
    chain.checkpoints = [chain.checkpoint(signer, 0)]
    chain.head = replace(chain.head, kept_from=2)
    assert chain.verdict(jwks).fault is Fault.HEAD_MISMATCH
