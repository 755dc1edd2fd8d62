"""As much of PromQL as it takes to see which metrics and label values an expression names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SELECTOR: Final = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?P<labels>\{[^}]*\})?")
_MATCHER: Final = re.compile(r'(?P<label>\w+)\s*(?P<how>=~|!~|!=|=)\s*"(?P<value>[^"]*)"')
_GROUPED: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORDS: Final = frozenset({"and", "or", "unless", "offset", "bool", "by", "without"})
_LITERAL: Final = re.compile(r"(?<![\w:])\d[\w.]*|\[[^\]]*\]|\boffset\s+\w+")


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric as an expression names it, with what it asks of each label."""

    name: str
    labels: tuple[tuple[str, str], ...]


def selectors(expression: str) -> list[Selector]:
    """Every metric that ``expression`` names."""
    bare = _GROUPED.sub(" ", expression)
    found = []
    for match in _SELECTOR.finditer(_outside_labels(bare)):
        name, after = match["name"], bare_after(bare, match.end())
        if name in _WORDS or after.startswith("("):
            continue
        matchers = _MATCHER.finditer(match["labels"] or "")
        asked = [(m["label"], value) for m in matchers for value in _values(m["how"], m["value"])]
        found.append(Selector(name, tuple(asked)))
    return found


def grouped(expression: str) -> set[str]:
    """The labels an expression groups by."""
    lists = _GROUPED.findall(expression)
    return {label.strip() for found in lists for label in found.split(",") if label.strip()}


def bare_after(text: str, end: int) -> str:
    """What stands after a place, from its first sign on."""
    return _outside_labels(text)[end:].lstrip()


def _outside_labels(text: str) -> str:
    """The expression without numbers, ranges and offsets; labels stay as they are."""
    parts = re.split(r"(\{[^}]*\})", text)
    return "".join(part if part.startswith("{") else _LITERAL.sub(" ", part) for part in parts)


def _values(how: str, value: str) -> list[str]:
    """The values a matcher names; of a pattern, those it lists one by one."""
    if "$" in value:
        return []
    if how in {"=", "!="}:
        return [value]
    return value.split("|") if re.fullmatch(r"[\w|-]+", value) else []
