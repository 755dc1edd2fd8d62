"""Reading a labelled file: one JSON object a line, checked field by field.

A bad line ends the reading with its file, line, field and remedy. What stands in it is not
repeated: such sets are made of the texts that a service guards.
"""

from __future__ import annotations

import gzip
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ingestion.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase
    from pathlib import Path

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
MAX_TEXT: Final = 1_000_000
MAX_ROWS: Final = 1_000_000

_Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
MAX_CLAIM: Final = 4_000
MAX_CITATIONS: Final = 20

_Quote = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
_Family = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Plain(BaseModel):
    """Base of what stands in a line: fields beyond those that are named are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    like: ClassVar[str] = "{}"
    """What a line looks like, for whoever has to mend one."""


class _Line(Plain):
    """Base of the labelled lines."""

    family: _Family | None = Field(default=None, description="What it is reported under.")


class InjectionLine(_Line):
    """``{"text": "…", "label": 1, "family": "e-mail"}``: 1 for text that carries an injection."""

    like: ClassVar[str] = '{"text": "...", "label": 1, "family": "..."}, with 0 for harmless text'

    text: _Text
    label: Annotated[int, Field(ge=0, le=1, strict=True)]


class SupportLabel(StrEnum):
    """What evidence is to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_ENOUGH = "not_enough"


class SupportLine(_Line):
    """``{"evidence": "…", "claim": "…", "label": "supported"}``."""

    like: ClassVar[str] = '{"evidence": "...", "claim": "...", "label": "supported"}'

    evidence: _Text
    claim: _Text
    label: SupportLabel


class CitedLine(Plain):
    """``{"text": "…", "quote": "…", "helps": true}``: one citation of a claim.

    Attributes:
        text: of the piece that is cited; None for a piece that does not exist.
        quote: words quoted from it, if any.
        helps: whether it truly helps to support the claim: by itself, or because the others do not
            without it.
    """

    text: _Text | None = None
    quote: _Quote | None = None
    helps: StrictBool


class CitationLine(_Line):
    """``{"claim": "…", "citations": […], "supported": true}``: a claim, and what it cites.

    Attributes:
        claim: one statement of a draft.
        citations: what it cites, in order; none for a statement that cites nothing.
        supported: whether all that it cites together truly supports it.
        group: lines of one group are resampled together, as those about one claim hang together.
    """

    like: ClassVar[str] = (
        '{"claim": "...", "citations": [{"text": "...", "helps": true}], "supported": true}'
    )

    claim: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CLAIM)]
    citations: tuple[CitedLine, ...] = Field(max_length=MAX_CITATIONS)
    supported: StrictBool
    group: _Family | None = None

    @model_validator(mode="after")
    def _agree_with_itself(self) -> CitationLine:
        if not self.supported and any(cited.helps for cited in self.citations):
            raise ValueError("a citation can help only a claim that is supported")
        if self.supported and not self.citations:
            raise ValueError("a claim without a citation is not supported by any")
        return self


Line = TypeVar("Line", bound=Plain)


def read_lines(path: Path, shape: type[Line]) -> list[Line]:
    """Every line of a file, gzipped or not; blank ones are passed over, as is a byte order mark.

    Raises:
        EvaluationError: a line is not of the shape, too long, or there is none.
        OSError: the file cannot be read.
    """
    try:
        with _opened(path) as file:
            found = [_parsed(path, number, line, shape) for number, line in _numbered(path, file)]
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise EvaluationError(f"{path.name}: it is not a whole gzip file; write it anew") from None
    if not found:
        raise EvaluationError(
            f"{path.name}: it holds no lines; write one JSON object a line, such as {shape.like}"
        )
    return found


def _opened(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _numbered(path: Path, file: BufferedIOBase) -> Iterator[tuple[int, bytes]]:
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
            f"{path.name}:{number}: {field}: {message}; write it like {shape.like}"
        ) from None
