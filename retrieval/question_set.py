"""The query set of a gate: questions in a JSONL file, with the documents that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ingestion.errors import GenerationError
from ingestion.generations.report import Question

if TYPE_CHECKING:
    from pathlib import Path


class QuestionLine(BaseModel):
    """One line: ``{"query": "…", "relevant": ["handbook/travel.md"]}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    relevant: frozenset[str] = Field(
        default=frozenset(), description="External ids of the documents that answer it."
    )


def read_questions(path: Path) -> list[Question]:
    """The questions of a file; blank lines are passed over.

    Raises:
        GenerationError: a line is not a question; the message names it.
        OSError: the file cannot be read.
    """
    questions = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            read = QuestionLine.model_validate_json(line)
        except ValidationError as error:
            reason = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(map(str, reason["loc"])) or "the line"
            raise GenerationError(
                f"{path.name}:{number}: {field}: {reason['msg']}", code="questions_invalid"
            ) from None
        questions.append(Question(read.query, read.relevant))
    return questions
