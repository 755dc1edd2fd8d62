"""Reading a labelled file: one JSON object a line, checked field by field.

A bad line ends the reading with its file, line, field and remedy. What stands in it is not
repeated: such sets are made of the texts that a service guards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ingestion.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
MAX_TEXT: Final = 1_000_000
MAX_ROWS: Final = 1_000_000

_Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
_Family = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Line(BaseModel):
    """Base of the lines: fields beyond those that are named, such as an id, are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    family: _Family | None = Field(default=None, description="What it is reported under.")


class InjectionLine(_Line):
    """``{"text": "…", "label": 1, "family": "e-mail"}``: 1 for text that carries an injection."""

    text: _Text
    label: Annotated[int, Field(ge=0, le=1, strict=True)]


class SupportLabel(StrEnum):
    """What evidence is to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_ENOUGH = "not_enough"


class SupportLine(_Line):
    """``{"evidence": "…", "claim": "…", "label": "supported"}``."""

    evidence: _Text
    claim: _Text
    label: SupportLabel


Line = TypeVar("Line", InjectionLine, SupportLine)


def read_lines(path: Path, shape: type[Line]) -> list[Line]:
    """Every line of a file; blank ones are passed over, as is a byte order mark.

    Raises:
        EvaluationError: a line is not of the shape, too long, or there is none.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        found = [_parsed(path, number, line, shape) for number, line in _numbered(path, file)]
    if not found:
        raise EvaluationError(
            f"{path.name}: it holds no lines; write one JSON object a line, such as {_like(shape)}"
        )
    return found


def _numbered(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = kept = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise EvaluationError(
                f"{path.name}:{number}: more than {MAX_LINE_BYTES:,} bytes; end each object with a "
                "line break, or cut the text"
            )
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        kept += 1
        if kept > MAX_ROWS:
            raise EvaluationError(f"{path.name}:{number}: more than {MAX_ROWS:,} lines; split it")
        yield number, line


def _parsed(path: Path, number: int, line: bytes, shape: type[Line]) -> Line:
    try:
        return shape.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"])) or "the line"
        message = "it is not JSON" if first["type"] == "json_invalid" else first["msg"]
        raise EvaluationError(
            f"{path.name}:{number}: {field}: {message}; write it like {_like(shape)}"
        ) from None


def _like(shape: type[InjectionLine | SupportLine]) -> str:
    if shape is InjectionLine:
        return '{"text": "...", "label": 1, "family": "..."}, with 0 for harmless text'
    return '{"evidence": "...", "claim": "...", "label": "supported"}'
