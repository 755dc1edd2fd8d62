"""Ways to mark text as data, so that no part of it can pass for anything else in a prompt.

Each is undone exactly by its reader, which is how the tests know that nothing is lost and nothing
escapes. Source of the three: K. Hines et al., "Defending against indirect prompt injection attacks
with spotlighting", arXiv:2403.14720 (2024): delimiting, datamarking, encoding. Delimiters alone are
the weakest there, since a text that guesses them can close them; so here they cannot be guessed,
and stand before every line rather than around all of them.

What must never live here: words addressed to a model.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Final

_SPACE: Final = re.compile(r"\s+")
_PRIVATE: Final = range(0xE000, 0xF8FF)  # the sanitiser leaves none of these in any text
_TELLING: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "|": "\\u007c"})


class Marking(StrEnum):
    """How evidence is marked as data."""

    LINES = "lines"
    DATAMARK = "datamark"
    JSON = "json"


def lined(text: str, nonce: str) -> str:
    """Every line of a text behind a prefix that it cannot know, like a quotation in a letter.

    Whatever any program takes for a line break counts as one.
    """
    return "\n".join(f"{nonce}| {line}" for line in text.splitlines() or [""])


def datamarked(text: str, mark: str) -> str:
    """A text with a mark in place of all white space, so that every word of it is marked as data.

    In the source, the form with the best balance: attacks fall from over half to a few in a
    hundred, and models still read the text as well.
    """
    return mark + _SPACE.sub(mark, text.strip()) + mark


def encoded(value: object) -> str:
    """A value as JSON on one line of ASCII, without the brackets and bars of chat templates."""
    return json.dumps(value, ensure_ascii=True).translate(_TELLING)


def mark_for(seed: int, texts: list[str]) -> str:
    """A character for private use that stands in none of the texts, chosen by ``seed``.

    Raises:
        ValueError: every one of them stands in the texts.
    """
    used = set().union(*texts) if texts else set()
    for step in range(len(_PRIVATE)):
        mark = chr(_PRIVATE[(seed + step) % len(_PRIVATE)])
        if mark not in used:
            return mark
    raise ValueError("evidence: it uses every private character; render it with Marking.JSON")
