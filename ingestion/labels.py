"""Tags and languages of documents: how they are spelled, and how many of them there may be.

Both say where a document belongs, not who may see it: they can narrow a question and open nothing.
A source states them, or the document does (front matter, the ``lang`` of a page); what a source
states is held to the form, and what stands in a document is read as far as it has it, because
whoever wrote the document is not there to correct it. What never lives here: guessing a language
from a text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TAGS: Final = 32
MAX_TAG_CHARS: Final = 64
LANGUAGE_SHAPE: Final = re.compile(r"[a-z]{2,3}")

_LANGUAGE_TAG: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")
_LONGEST: Final = 35  # characters of a language tag, as of RFC 5646, section 4.4.1


def spelled_tag(value: str) -> str:
    """A tag as it is stored and compared: compatible characters, case and blanks made one.

    Raises:
        ValueError: nothing is left of it, or too much, or it cannot be printed.
    """
    if len(value) > 4 * MAX_TAG_CHARS:  # before the work of folding it
        raise ValueError(f"a tag has at most {MAX_TAG_CHARS} characters")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    tag = " ".join(folded.split())
    if not tag or not tag.isprintable():
        raise ValueError("a tag has at least one character, and printable ones alone")
    if len(tag) > MAX_TAG_CHARS:
        raise ValueError(f"a tag has at most {MAX_TAG_CHARS} characters")
    return tag


def spelled_tags(values: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are stored: each once, sorted.

    Raises:
        ValueError: there are too many, or one cannot be a tag.
    """
    tags = {spelled_tag(value) for value in values}
    if len(tags) > MAX_TAGS:
        raise ValueError(f"a document has at most {MAX_TAGS} tags")
    return tuple(sorted(tags))


def spelled_language(value: str) -> str:
    """The language of a language tag such as ``de-AT``: its first part, in small letters.

    Raises:
        ValueError: it is no language tag as of BCP 47.
    """
    found = _LANGUAGE_TAG.fullmatch(value) if len(value) <= _LONGEST else None
    if found is None:
        raise ValueError('a language is two or three letters, such as "de" or "de-AT"')
    return found[1].lower()


def tags_text(tags: tuple[str, ...]) -> str:
    """Tags as the catalogue holds them: one text, the same for the same tags."""
    return json.dumps(tags, ensure_ascii=False, separators=(",", ":"))


def read_tags(text: str) -> tuple[str, ...]:
    """The tags that :func:`tags_text` wrote."""
    return tuple(json.loads(text)) if text != "[]" else ()


def tags_within(value: object) -> tuple[str, ...]:
    """The tags that a document gives itself: a list, or a line with commas. What is none is none.

    Of more than there may be, the first count.
    """
    each = value.split(",") if isinstance(value, str) else value
    tags: set[str] = set()
    for one in each if isinstance(each, list) else ():
        # YAML takes a year for a number; what it takes for truth or a date was hardly meant so.
        written = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
        if isinstance(written, str) and len(tags) < MAX_TAGS:
            try:
                tags.add(spelled_tag(written))
            except ValueError:
                continue
    return tuple(sorted(tags))


def language_within(value: object) -> str | None:
    """The language that a document says it is in, if it says so in the form of a language tag."""
    try:
        return spelled_language(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
