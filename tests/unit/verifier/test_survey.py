"""A survey may send a search out in vain, and never keeps one back that would find something."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from verifier.survey import may_have_long_token, unusual

ANY = st.text(st.characters(exclude_categories=[]))
PIECES = st.sampled_from(
    ["word", " ", "\xa0", "\u3000", "\n", "é", "日本", "\x1c", "\x85", "\ud800"]
)
TOKENS = st.lists(PIECES).map("".join)


@given(ANY)
def test_every_unusual_character_is_named_once_and_no_other(text: str) -> None:
    found = unusual(text)
    assert sorted(found) == sorted({c for c in text if not (" " <= c <= "~" or c in "\t\n")})


@given(TOKENS | ANY, st.integers(1, 30))
def test_a_long_token_is_never_overlooked(text: str, length: int) -> None:
    if re.search(rf"\S{{{length}}}", text):
        assert may_have_long_token(text, length)


def test_words_of_ordinary_length_are_told_apart_from_long_ones() -> None:
    assert not may_have_long_token("no word of this is long\tand\nneither are these", 8)
