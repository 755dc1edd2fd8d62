"""Sealed values: opaque, deterministic, and worth nothing anywhere but where they belong."""

from __future__ import annotations

from dataclasses import replace
from string import ascii_letters, digits

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acl.caller import GroupsFrom, Narrowing
from acl.errors import AclNotCurrentError, InvalidSealError
from acl.principal import Principal
from acl.seal import Purpose, acl_token, caller_binding, require_current, seal, unseal
from tests.support.installation import SECRET, caller

_values = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3)
_bounds = st.lists(st.text(max_size=5), max_size=3)


@given(value=_values, bound=_bounds)
def test_a_sealed_value_opens_where_it_belongs(value: dict[str, object], bound: list[str]) -> None:
    sealed = seal(SECRET, Purpose.CURSOR, value, *bound)
    assert unseal(SECRET, Purpose.CURSOR, sealed, *bound) == value
    assert seal(SECRET, Purpose.CURSOR, value, *bound) == sealed


@given(value=_values, bound=_bounds, other=_bounds)
def test_bound_to_anything_else_it_does_not_open(
    value: dict[str, object], bound: list[str], other: list[str]
) -> None:
    assume(bound != other)
    sealed = seal(SECRET, Purpose.CURSOR, value, *bound)
    with pytest.raises(InvalidSealError):
        unseal(SECRET, Purpose.CURSOR, sealed, *other)


def test_neither_purpose_nor_installation_can_stand_in_for_another() -> None:
    sealed = seal(SECRET, Purpose.CURSOR, {"o": 8}, "bank")
    for secret, purpose in ((SECRET, Purpose.ACL_TOKEN), (bytes(32), Purpose.CURSOR)):
        with pytest.raises(InvalidSealError):
            unseal(secret, purpose, sealed, "bank")


@given(data=st.data(), offset=st.integers(0, 10_000))
def test_no_other_spelling_of_a_sealed_value_opens(data: st.DataObject, offset: int) -> None:
    sealed = seal(SECRET, Purpose.CURSOR, {"o": offset}, "bank")
    at = data.draw(st.integers(0, len(sealed) - 1))
    char = data.draw(st.characters(codec="ascii").filter(lambda c: c != sealed[at]))
    for text in (sealed[:at] + char + sealed[at + 1 :], sealed + char, sealed[:at]):
        with pytest.raises(InvalidSealError):
            unseal(SECRET, Purpose.CURSOR, text, "bank")


def test_everything_that_decides_a_view_is_in_the_binding_of_a_caller() -> None:
    ann = caller("user:ann")
    different = (
        ann,
        caller("user:bob"),
        caller("user:ann", tenant="rival"),
        caller("user:ann", actor="service:bot"),
        replace(ann, groups=frozenset({Principal.parse("group:staff")})),
        replace(ann, groups_from=GroupsFrom.CLAIM),
        replace(ann, narrowing=Narrowing(sources=frozenset({"wiki"}))),
        replace(ann, narrowing=Narrowing(sources=frozenset())),
        replace(ann, narrowing=Narrowing(acls=frozenset({"wiki"}))),
        replace(ann, narrowing=Narrowing(purpose="wiki")),
    )
    assert len({caller_binding(who) for who in different}) == len(different)
    assert caller_binding(replace(ann, via="key:1")) == caller_binding(ann)


def test_a_sealed_value_outlives_the_version_that_made_it() -> None:
    sealed = "fCqz9yXknTqQN-D2mHi9llMAdyQyJh6supvL0pAeQYjsty2d"
    assert seal(SECRET, Purpose.CURSOR, {"o": 8, "b": "ü"}, "bank") == sealed
    assert unseal(SECRET, Purpose.CURSOR, sealed, "bank") == {"o": 8, "b": "ü"}
    assert {purpose.value for purpose in Purpose} == {"cursor", "acl-token", "session"}


def test_a_text_longer_than_any_that_was_issued_is_not_even_decoded() -> None:
    longest = seal(SECRET, Purpose.CURSOR, {"o": "x" * 3_048}, "bank")
    assert len(longest) == 4_096
    assert unseal(SECRET, Purpose.CURSOR, longest, "bank") == {"o": "x" * 3_048}
    with pytest.raises(InvalidSealError, match="longer than any that was issued"):
        unseal(SECRET, Purpose.CURSOR, f"{longest}A", "bank")


def test_a_token_for_a_change_is_refused_until_the_change_has_arrived() -> None:
    token = acl_token(SECRET, "bank", 3)
    for version in (3, 4):
        require_current(SECRET, "bank", token, acl_version=version)
    with pytest.raises(AclNotCurrentError, match="at_least_as_fresh"):
        require_current(SECRET, "bank", token, acl_version=2)
    with pytest.raises(InvalidSealError):
        require_current(SECRET, "rival", token, acl_version=4)


def test_the_bits_that_the_last_character_leaves_over_are_not_another_spelling() -> None:
    sealed = seal(SECRET, Purpose.CURSOR, {"o": 8}, "bank")
    assert len(sealed) % 4  # so that there are some
    for last in {*ascii_letters, *digits, "-", "_"} - {sealed[-1]}:
        with pytest.raises(InvalidSealError):
            unseal(SECRET, Purpose.CURSOR, sealed[:-1] + last, "bank")
