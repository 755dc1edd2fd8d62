"""Printing: consoles that never interpret what they print, and the small pieces of layout.

Titles, texts and names come out of documents. They are shown as plain characters: no markup, no
links, no terminal escapes, and what is invisible is made visible or a blank.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_plain = partial(Console, markup=False, highlight=False, emoji=False)


def console() -> Console:
    """Standard output, for people."""
    return _plain()


def errors() -> Console:
    """Standard error: progress, hints and failures."""
    return _plain(stderr=True)


def printable(text: str) -> str:
    """``text`` with nothing in it that a terminal could act on.

    Line breaks and tabs stay; any other blank becomes a space; control and format characters
    become their code point in angle brackets.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    if unicodedata.category(char).startswith("Z"):
        return " "
    return f"<U+{ord(char):04X}>"


def one_line(text: str) -> str:
    """``printable`` on a single line."""
    return " ".join(printable(text).split())


def counted(count: int, noun: str) -> str:
    """``1 document``, ``2,000 documents``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def show_json(value: Any) -> None:
    """Print ``value`` as JSON on standard output, and nothing else.

    Escaped to ASCII, so that a terminal has nothing to interpret and a pipe nothing to mis-decode.
    """
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = "") -> Table:
    """A plain table.

    Args:
        columns: headings.
        rows: cells, as anything with a ``str``; None shows as a dash.
        right: headings of the columns to align right, separated by commas.
    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right.split(",") else "left")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row))
    return made


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return one_line(str(value))


def hint(message: str) -> None:
    """Say what to do next, on standard error."""
    errors().print(Text.assemble(("next: ", "bold cyan"), printable(message)), soft_wrap=True)
