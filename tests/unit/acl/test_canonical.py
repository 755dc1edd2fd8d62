"""Canonical JSON: one spelling for each value, and no other is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.canonical import MAX_INTEGER, canonical, parse_canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert parse_canonical(canonical(value)) == value


@given(VALUES)
def test_it_is_json_without_a_blank_outside_text(value: object) -> None:
    raw = canonical(value)
    assert json.loads(raw) == value
    assert canonical(json.loads(raw)) == raw


def test_names_are_in_order_and_text_is_not_escaped() -> None:
    assert (
        canonical({"b": "é\n", "a": [1, True, None]}) == '{"a":[1,true,null],"b":"é\\n"}'.encode()
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'"\\u0061"',
        b'"\\/"',
        b"NaN",
        b"9007199254740992",
        b"\xef\xbb\xbf1",
        b'"\xff"',
        b"",
        b"[" * 100_000,
        b"[" * 990 + b"]" * 990,
    ],
)
def test_any_other_spelling_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_canonical(raw)


@pytest.mark.parametrize(
    "value", [1.5, MAX_INTEGER + 1, -MAX_INTEGER - 1, b"x", {1: 2}, {"é": 1}, object(), {1, 2}]
)
def test_what_readers_would_dispute_has_no_spelling(value: object) -> None:
    for wrapped in (value, [value], {"a": {"b": [value]}}):
        with pytest.raises(ValueError, match="no"):
            canonical(wrapped)


def test_half_a_character_has_no_spelling() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical("\ud800")
