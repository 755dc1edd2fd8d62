"""Word pieces: the longest first, the same whatever stands around, and never more than letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.screen_pieces import UNKNOWN, PieceReader

LIST = ["[UNK]", "do", "door", "##or", "##s", "##o", "##r", "7", ".", "a", "b", "##a", "##b"]
READER = PieceReader(LIST)


def _named(text: str) -> list[str]:
    return [LIST[number] for number in READER.read(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("doors", ["door", "##s"]),
        ("do or.", ["do", "[UNK]", "."]),
        ("do.or", ["do", ".", "[UNK]"]),
        ("77", ["[UNK]"]),
        ("7a", ["7", "a"]),
        ("doors doors", ["door", "##s", "door", "##s"]),
        ("dx", ["[UNK]"]),
        ("do_door", ["do", "door"]),
        (" \n", []),
        ("", []),
    ],
)
def test_words_are_cut_by_the_longest_piece_first(text: str, pieces: list[str]) -> None:
    assert _named(text) == pieces


@given(st.text("ab", min_size=1, max_size=60))
def test_pieces_spell_the_word_they_were_cut_from(word: str) -> None:
    assert "".join(_named(word)).replace("##", "") == word


@given(st.text(max_size=80))
def test_a_text_has_no_more_pieces_than_letters(text: str) -> None:
    found = READER.read(text)
    assert len(found) <= len(text)
    assert all(UNKNOWN <= number < len(LIST) for number in found)


@given(st.text("abdors7. ", max_size=30), st.text("abdors7. ", max_size=30))
def test_what_is_behind_a_space_does_not_change_what_is_before_it(one: str, other: str) -> None:
    assert _named(f"{one} {other}") == _named(one) + _named(other)


def test_a_word_without_end_is_read_in_bounded_time() -> None:
    assert len(READER.read("ab" * 100_000)) == 200_000
    assert list(READER.read("ab" * 100_000 + "x")) == [UNKNOWN]
