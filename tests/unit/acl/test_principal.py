"""Principals: parsing is strict and loses nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.errors import InvalidPrincipalError
from acl.principal import EVERYONE, MAX_ID_LENGTH, Principal, PrincipalKind, check_id

_ids = st.text(
    st.characters(
        exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"], exclude_characters="*?"
    ),
    min_size=1,
    max_size=MAX_ID_LENGTH,
).filter(lambda text: unicodedata.is_normalized("NFC", text))


@given(kind=st.sampled_from(["user", "group", "service"]), ident=_ids)
def test_every_well_formed_principal_reads_back_as_it_was_written(kind: str, ident: str) -> None:
    principal = Principal.parse(f"{kind}:{ident}")
    assert (principal.kind, principal.id) == (PrincipalKind(kind), ident)
    assert str(principal) == f"{kind}:{ident}"


@given(text=st.text(max_size=300))
def test_whatever_is_read_is_written_back_unchanged_or_refused(text: str) -> None:
    try:
        principal = Principal.parse(text)
    except InvalidPrincipalError:
        return
    assert str(principal) == text


@given(one=_ids, other=_ids)
def test_different_ids_are_different_principals(one: str, other: str) -> None:
    same = Principal(PrincipalKind.USER, one) == Principal(PrincipalKind.USER, other)
    assert same == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "user", "user:", "ann", "User:ann", "USER:ann", " user:ann", "user :ann"),
        *("role:admin", "everyone:", "everyone:x", "Everyone", "*", "user:*", "user:a?"),
        *("user:a b", "user:ann ", "user:\tann", "user:a\nb", "user:a\x00b", "user:a\u00a0b"),
        *("user:a\u200bb", "user:a\u202eb", "user:\ufeffann", "user:a\u2028b", "user:a\ud800"),
        *("user:e\u0301", "user:\u212b", "user:" + "x" * (MAX_ID_LENGTH + 1)),
    ],
)
def test_a_malformed_principal_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrincipalError):
        Principal.parse(text)


def test_an_id_may_hold_colons_and_addresses() -> None:
    assert Principal.parse("user:spiffe://bank/ns:ann@example.org").id == (
        "spiffe://bank/ns:ann@example.org"
    )


@pytest.mark.parametrize("text", ["user:Ann", "user:аnn", "user:ann\u0131", "group:ann"])
def test_look_alikes_and_other_cases_are_other_principals(text: str) -> None:
    assert Principal.parse(text) != Principal.parse("user:ann")


def test_everyone_takes_no_id() -> None:
    assert Principal.parse("everyone") is EVERYONE
    assert str(EVERYONE) == "everyone"
    with pytest.raises(InvalidPrincipalError, match="takes no id"):
        Principal(PrincipalKind.EVERYONE, "x")


def test_an_id_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert check_id("x" * 256, field="f") == "x" * 256
    with pytest.raises(InvalidPrincipalError, match="longer than 256"):
        check_id("x" * 257, field="f")


@pytest.mark.parametrize("char", ["\ue000", "\u0378", "\u2029", "\u2028", "\u00a0"])
def test_no_private_unassigned_or_separating_character_stands_in_an_id(char: str) -> None:
    with pytest.raises(InvalidPrincipalError, match="blank or invisible"):
        check_id(f"a{char}b", field="f")


@pytest.mark.parametrize("text", ["user", "group", "service"])
def test_a_kind_alone_is_nobody(text: str) -> None:
    with pytest.raises(InvalidPrincipalError, match="write user:ID"):
        Principal.parse(text)
