"""Cells of a spreadsheet as a reader sees them: numbers, dates, percentages, shared strings.

Values are those the program stored; nothing is calculated. What never lives here: rows and sheets.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import IO, Any

from lxml import etree
from openpyxl.styles.numbers import builtin_format_code, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import from_excel
from openpyxl.utils.escape import unescape

_QUOTED = re.compile(r'"[^"]*"|\\.|_.')
_HIDING = re.compile(r"\s*;\s*;\s*;\s*")  # nothing for plus, minus, zero and text
_DIGITS = 15  # as many as a spreadsheet program keeps


class Look(Enum):
    """What a number format makes of a number, as far as its meaning goes."""

    PLAIN = "plain"
    DATE = "date"
    SPAN = "span"
    PERCENT = "percent"
    HIDDEN = "hidden"


def looks(styles: bytes | None) -> list[Look]:
    """Return the look of each cell style, by the number that cells give it.

    Args:
        styles: The part that holds the styles; None if the workbook has none.
    """
    if styles is None:
        return []
    root = etree.fromstring(styles, parser())
    codes = {node.get("numFmtId"): node.get("formatCode") or "" for node in root.iter("{*}numFmt")}
    kinds: dict[str, Look] = {}
    found = []
    for style in root.iterfind("{*}cellXfs/{*}xf"):
        number = style.get("numFmtId") or "0"
        if number not in kinds:
            code = codes.get(number)
            kinds[number] = _look(builtin_format_code(int(number)) if code is None else code)
        found.append(kinds[number])
    return found


def _look(code: str | None) -> Look:
    if not code:
        return Look.PLAIN
    if _HIDING.fullmatch(code):
        return Look.HIDDEN
    if is_timedelta_format(code):
        return Look.SPAN
    if is_date_format(code):
        return Look.DATE
    return Look.PERCENT if "%" in _QUOTED.sub("", code) else Look.PLAIN


def shared_strings(stream: IO[bytes]) -> list[str]:
    """Return the strings that cells refer to by number; phonetic readings are left out."""
    strings = []
    for _, item in etree.iterparse(stream, tag="{*}si", **PARSING):
        strings.append(rich_text(item))
        forget(item)
    return strings


def rich_text(item: Any) -> str:
    """Return the text of a string element, its own and that of its runs, blanks folded."""
    parts = []
    for node in item:
        name = local(node)
        if name == "t":
            parts.append(node.text)
        elif name == "r":
            parts.extend(run.text for run in node.iterfind("{*}t"))
    text = "".join(filter(None, parts))
    return " ".join((unescape(text) if "_x" in text else text).split())


def shown(raw: str, kind: str, look: Look, strings: Sequence[str], epoch: datetime) -> str:
    """Return what a cell shows.

    Args:
        raw: The stored value.
        kind: The stored type: ``n`` number, ``s`` shared string, ``b`` boolean, ``str`` or others.
        look: The look of the cell's style.
        strings: The shared strings.
        epoch: The day that dates count from.

    Raises:
        ValueError: A number is none, or no shared string has it.
        IndexError: No shared string has this number.
    """
    if kind == "s":
        number = int(raw)
        if number < 0:
            raise ValueError(number)
        return strings[number]
    if kind == "b":
        return "FALSE" if raw.strip() == "0" else "TRUE"
    if kind != "n":
        return " ".join((unescape(raw) if "_x" in raw else raw).split())
    if raw.isdecimal() and look is Look.PLAIN:
        return raw
    return _number(float(raw), look, epoch)


def _number(value: float, look: Look, epoch: datetime) -> str:
    if look in {Look.DATE, Look.SPAN}:
        try:
            moment = from_excel(value, epoch, timedelta=look is Look.SPAN)
        except (OverflowError, ValueError):
            return _plain(value)
        if isinstance(moment, timedelta):
            return str(moment)
        text: str = moment.isoformat(" ") if isinstance(moment, datetime) else moment.isoformat()
        return text.removesuffix(" 00:00:00")
    return f"{_plain(value * 100)}%" if look is Look.PERCENT else _plain(value)


def _plain(value: float) -> str:
    """Return a number with the digits a spreadsheet program would show, not those of its binary."""
    text = f"{value:.{_DIGITS}g}"
    return f"{value:.0f}" if "e+" in text and value.is_integer() else text


# lxml's own guards stay on (no huge trees); entities, which packages are refused for, stay closed.
PARSING: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}


def parser() -> Any:
    """Return a parser that expands no entity and fetches nothing."""
    return etree.XMLParser(**PARSING)


def local(element: Any) -> str:
    """Return an element's name without its namespace; nothing for comments and the like."""
    tag = element.tag
    return tag[tag.rfind("}") + 1 :] if isinstance(tag, str) else ""


def forget(element: Any) -> None:
    """Free an element that has been read, and what stands before it, so that memory stays flat."""
    element.clear()
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
