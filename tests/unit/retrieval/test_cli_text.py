"""What the command line prints of foreign text, and how it reads and says durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.cli.durations import parse_duration, spoken
from retrieval.cli.output import one_line, printable


@given(st.text())
def test_nothing_printable_is_a_terminal_control(text: str) -> None:
    assert all(char.isprintable() or char in "\n\t" for char in printable(text))
    assert one_line(text).isprintable()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "seconds", "said"),
    [
        ("90s", 90, "1 min"),
        ("30m", 1_800, "30 min"),
        ("12h", 43_200, "12 h"),
        ("7d", 604_800, "7 d"),
        ("2w", 1_209_600, "14 d"),
    ],
)
def test_durations_are_read_and_said(text: str, seconds: int, said: str) -> None:
    assert parse_duration(text) == seconds
    assert spoken(seconds) == said
