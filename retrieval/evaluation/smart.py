"""Judged collections in the layout of the SMART system, such as Cranfield and CISI.

One file of documents (``*.all*``) and one of questions (``*.qry``), both in fields: ``.I`` with an
id, ``.T`` title, ``.W`` text. Questions are numbered as they come, for that is what judgements name
them by, whatever their ids say. Judgements (``*qrel*`` or ``*.rel``) are one a line, in the three
ways that are about: ``question document code`` with codes from 1, a complete answer, to 4;
``question 0 document grade`` as TREC has it; and ``question document 0 0.0``, all of them relevant.
What never lives here: asking.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ingestion.errors import EvaluationError
from retrieval.evaluation.judged import Judged, JudgedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIELD: Final = re.compile(r"\.([A-Z])(?:\s+(\S+))?\s*")
_LEAST: Final = 4
"""The code of a document of least interest; anything else outside 1 to 4 is of none."""


def is_smart(directory: Path) -> bool:
    """Whether a directory holds such a collection."""
    return bool(_files(directory, r".+\.all(\..+)?"))


def read_smart(directory: Path, *, split: str = "test") -> Judged:
    """Read a collection.

    Args:
        directory: with the files named above.
        split: of several files of judgements, that whose name ends in it; ``test`` is the one
            without an ending.

    Raises:
        EvaluationError: a file is missing, a line of judgements is malformed, or no question has a
            relevant document.
        OSError: a file cannot be read.
    """
    documents = {
        entry["I"]: _document(entry) for entry in _entries(_one(directory, r".+\.all(\..+)?"))
    }
    asked = _entries(_one(directory, r".+\.qry"))
    texts = {str(number): _line(entry.get("W", "")) for number, entry in enumerate(asked, start=1)}
    ending = "" if split == "test" else f"_{re.escape(split)}"
    judgements = _one(directory, rf"(.*qrels?|.+\.rel){ending}")
    grades = {
        question: of
        for question, of in _grades(judgements).items()
        if texts.get(question) and any(g > 0 and name in documents for name, g in of.items())
    }
    if not grades:
        raise EvaluationError(
            f"{judgements.name}: no question has a relevant document; look whether these are the "
            "judgements of this collection"
        )
    return Judged(documents, {question: texts[question] for question in grades}, grades)


def _files(directory: Path, pattern: str) -> list[Path]:
    return [
        path
        for path in sorted(directory.iterdir())
        if path.is_file() and re.fullmatch(pattern, path.name.lower())
    ]


def _one(directory: Path, pattern: str) -> Path:
    found = _files(directory, pattern)
    if len(found) != 1:
        raise EvaluationError(
            f"--data: {directory.name or directory} holds {len(found)} files named like "
            f"{pattern!r}, and one is needed"
        )
    return found[0]


def _entries(path: Path) -> Iterator[dict[str, str]]:
    """Entries by field; a field that comes twice goes on."""
    entry: dict[str, str] = {}
    field = ""
    with path.open(encoding="latin-1") as file:  # older than any other; every byte is a character
        for line in file:
            begins = _FIELD.fullmatch(line)
            if begins is None:
                entry[field] = entry.get(field, "") + line
                continue
            field = begins[1]
            if field == "I":
                if "I" in entry:
                    yield entry
                entry = {"I": begins[2] or ""}
    if "I" in entry:
        yield entry


def _document(entry: dict[str, str]) -> JudgedDocument:
    """Its text without its title, which some collections repeat at the front."""
    title, text = _line(entry.get("T", "")), _line(entry.get("W", ""))
    return JudgedDocument(entry["I"], title, text.removeprefix(title).strip() or text)


def _line(text: str) -> str:
    return " ".join(text.split())


def _grades(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with path.open(encoding="latin-1") as file:
        for number, line in enumerate(file, start=1):
            parts = line.split()
            if not parts:
                continue
            try:
                question, document, grade = _judgement(parts)
            except ValueError:
                raise EvaluationError(
                    f"{path.name}:{number}: write the number of a question, the id of a document "
                    "and a code from 1 to 4"
                ) from None
            found[str(int(question))][document] = grade
    return found


def _judgement(parts: list[str]) -> tuple[str, str, int]:
    """Question, document and grade; the more, the better."""
    if len(parts) == 3:  # noqa: PLR2004 - question, document, code
        question, document, code = parts
        interest = int(code)
        return question, document, _LEAST + 1 - interest if 1 <= interest <= _LEAST else 0
    question, second, third, last = parts
    if second == "0":
        return question, third, int(last)
    return question, second, 1
