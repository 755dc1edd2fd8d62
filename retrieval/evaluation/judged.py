"""A judged collection: documents, questions, and which documents answer which question.

Read from the layout of BEIR (Thakur et al., NeurIPS 2021): ``corpus.jsonl``, ``queries.jsonl`` and
``qrels/SPLIT.tsv`` in one directory; each may be gzipped, and ``qrels_SPLIT.tsv`` beside the others
serves as well. What never lives here: asking.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ingestion.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

MAX_LINE: Final = 16 * 1024 * 1024

_Id = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Document(BaseModel):
    """``{"_id": "…", "title": "…", "text": "…"}``; sentences in ``sents`` serve as text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: _Id = Field(alias="_id")
    title: str = ""
    text: str | list[str] = Field(validation_alias=AliasChoices("text", "sents"))


class _Question(BaseModel):
    """``{"_id": "…", "text": "…"}``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: _Id = Field(alias="_id")
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """One document: its name in the judgements, its title (may be empty) and its text."""

    name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A collection, and the questions of one split.

    Attributes:
        documents: by name.
        questions: text of each question that has a relevant document, by id.
        grades: of each of those questions, the grade of each judged document.
    """

    documents: Mapping[str, JudgedDocument]
    questions: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]


_Line = TypeVar("_Line", _Document, _Question)


def read_judged(directory: Path, *, split: str = "test") -> Judged:
    """Read a collection.

    Args:
        directory: with the files named above.
        split: whose judgements, such as ``test`` or ``dev``.

    Raises:
        EvaluationError: a file is missing, a line is malformed (file, line and field are named), or
            no question has a relevant document.
        OSError: a file cannot be read.
    """
    try:
        return _read(directory, split)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise EvaluationError(
            f"--data: a file of {directory.name or directory} is not whole UTF-8 text "
            f"({type(error).__name__}); write it anew"
        ) from None


def _read(directory: Path, split: str) -> Judged:
    documents = {
        one.id: JudgedDocument(one.id, " ".join(one.title.split()), _joined(one.text))
        for one in _lines(_file(directory, "corpus.jsonl", "corpus_sents.jsonl"), _Document)
    }
    texts = {one.id: one.text for one in _lines(_file(directory, "queries.jsonl"), _Question)}
    judgements = _file(directory, f"qrels/{split}.tsv", f"qrels_{split}.tsv")
    grades = {
        question: of
        for question, of in _grades(judgements).items()
        if question in texts and any(g > 0 and name in documents for name, g in of.items())
    }
    if not grades:
        raise EvaluationError(
            f"{judgements.name}: no question of queries.jsonl has a relevant document of "
            "corpus.jsonl; look whether the ids are the same in all three"
        )
    return Judged(documents, {question: texts[question] for question in grades}, grades)


def _file(directory: Path, *names: str) -> Path:
    for name in names:
        for path in (directory / name, directory / f"{name}.gz"):
            if path.is_file():
                return path
    raise EvaluationError(f"--data: there is no {names[0]} in {directory.name or directory}")


def _lines(path: Path, shape: type[_Line]) -> Iterator[_Line]:
    with _opened(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
            if len(line) > MAX_LINE:
                raise EvaluationError(f"{path.name}:{number}: more than {MAX_LINE:,} characters")
            if line.strip():
                try:
                    yield shape.model_validate_json(line)
                except ValidationError as error:
                    first = error.errors(include_input=False, include_url=False)[0]
                    field = ".".join(map(str, first["loc"])) or "the line"
                    raise EvaluationError(
                        f"{path.name}:{number}: {field}: {first['msg']}; write it like "
                        f"{(shape.__doc__ or '').split(';')[0].strip('.')}"
                    ) from None


def _grades(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with _opened(path) as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if not row or (number == 1 and row[-1].strip() == "score"):
                continue
            try:
                question, document, grade = row
                found[question][document] = int(grade)
            except ValueError:
                raise EvaluationError(
                    f"{path.name}:{number}: write the id of a question, the id of a document and "
                    "a grade (a whole number), with tabs between them"
                ) from None
    return found


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else " ".join(text)
