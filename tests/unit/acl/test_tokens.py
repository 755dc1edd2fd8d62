"""JWTs byte by byte: nothing but the token as it was signed is good, and no text is an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acl.identity.faults import RefusedTokenError
from acl.identity.issuer import Algorithm, Issuer
from acl.identity.jwks import KeySet
from acl.identity.tokens import MAX_TOKEN_CHARS, Tokens, looks_like_jwt
from tests.support.clock import NOON
from tests.support.issuer import (
    AUDIENCE,
    ISSUER,
    claims,
    key_set,
    part,
    sign,
    sign_raw,
    signing_key,
    token,
)

KEYS = {algorithm: signing_key(algorithm.value, algorithm.value) for algorithm in Algorithm}
MAIN = KEYS[Algorithm.ES256]
PUBLISHED = key_set(*(key.jwk() for key in KEYS.values()))
PLAIN = Issuer(
    name=ISSUER,
    audiences=frozenset({AUDIENCE}),
    algorithms=tuple(Algorithm),
    tenants=frozenset({"bank"}),
)
TOKENS = Tokens([(PLAIN, KeySet(lambda: PUBLISHED, PLAIN.algorithms))])


def good(bearer: str) -> bool:
    try:
        TOKENS.verify(bearer, now=NOON)
    except RefusedTokenError:
        return False
    return True


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_that_can_be_pinned_works(algorithm: Algorithm) -> None:
    assert good(token(KEYS[algorithm]))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_no_key_can_be_used_with_another_algorithm(algorithm: Algorithm) -> None:
    for other in Algorithm:
        if other is not algorithm:
            assert not good(token(KEYS[algorithm], header={"alg": other.value}))
            assert not good(token(KEYS[algorithm], header={"kid": other.value}))


def test_every_change_of_a_single_character_is_refused() -> None:
    bearer = token(MAIN)
    assert good(bearer)
    for place, char in enumerate(bearer):
        for other in {"A", "B", "_", "."} - {char}:
            assert not good(bearer[:place] + other + bearer[place + 1 :]), place
        assert not good(bearer[:place] + bearer[place + 1 :]), place


def test_a_token_is_good_up_to_the_largest_size_and_no_further() -> None:
    near = (MAX_TOKEN_CHARS - len(token(MAIN, filler=""))) * 3 // 4
    outcomes = set()
    for filler in range(near - 4, near + 5):
        bearer = token(MAIN, filler="x" * filler)
        assert good(bearer) is (len(bearer) <= MAX_TOKEN_CHARS)
        outcomes.add(good(bearer))
    assert outcomes == {True, False}


@given(st.text() | st.text(alphabet="abc._-=", max_size=40))
@example("..")
@example("a.b.c")
@example("\ud800.a.b")
def test_no_text_at_all_breaks_the_check(bearer: str) -> None:
    assert not good(bearer)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_CLAIMS = [*claims(), "nbf", "act", "clearance", "cnf", "groups", "_claim_names"]


@given(claim=st.sampled_from(_CLAIMS), value=_JSON)
def test_no_claim_at_all_breaks_the_check(claim: str, value: object) -> None:
    """Signed by the issuer itself: what it says may still be nonsense."""
    good(sign(json.dumps({**claims(), claim: value}), MAIN))


@given(name=st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "x"]), value=_JSON)
def test_no_header_at_all_breaks_the_check(name: str, value: object) -> None:
    header = {"alg": "ES256", "kid": "ES256", "typ": "JWT", name: value}
    good(sign_raw(json.dumps(header), json.dumps(claims()), MAIN))


def test_neither_part_may_be_other_than_an_object() -> None:
    for other in ("[]", '"x"', "1", "null", "", "\ufeff{}"):
        assert not good(sign(other, MAIN))
        assert not good(sign_raw(other, json.dumps(claims()), MAIN))
    assert not good(f"{part(b'{}')}.{part(bytes([0xFF]))}.AA")


def test_only_three_parts_look_like_a_jwt() -> None:
    assert looks_like_jwt(token(MAIN))
    for other in ("", "a", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d", "a.b.c\n", "ä.b.c"):
        assert not looks_like_jwt(other)


def test_without_an_issuer_every_token_is_refused() -> None:
    with pytest.raises(RefusedTokenError, match="bearer token"):
        Tokens().verify(token(MAIN), now=NOON)
