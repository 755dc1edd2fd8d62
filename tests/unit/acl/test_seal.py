"""Sealed values: opaque, deterministic, and worth nothing anywhere but where they belong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acl.caller import GroupsFrom, Narrowing
from acl.errors import InvalidSealError
from acl.principal import Principal
from acl.seal import Purpose, caller_binding, seal, unseal
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
