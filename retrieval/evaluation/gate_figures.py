"""What a gate compares: figures of a candidate, kept as a file that a later one is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.errors import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Strict):
    """One figure, with its 95 % interval where it has one.

    ``samples`` are its values for single questions, in a fixed order: with them two candidates
    are compared question by question, which shows smaller differences than their intervals.
    """

    value: _Finite
    low: _Finite | None = None
    high: _Finite | None = None
    samples: tuple[_Finite, ...] = ()


class Measured(_Strict):
    """The figures of one candidate.

    Attributes:
        candidate: what it is made of: embedder, generation, judge, version.
        data: digest of everything that was asked; figures of other data cannot be compared.
        figures: by name.
    """

    format: int = 1
    candidate: dict[str, str]
    data: str
    figures: dict[str, Figure]


def write_measured(path: Path, measured: Measured) -> None:
    """Keep figures as a baseline."""
    path.write_text(measured.model_dump_json(indent=1, exclude_defaults=True) + "\n", "utf-8")


def read_measured(path: Path) -> Measured:
    """The baseline of a file.

    Raises:
        EvaluationError: it is none; the message says what to do.
        OSError: it cannot be read.
    """
    try:
        return Measured.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise EvaluationError(
            f"--baseline: {path.name}: {field}: {first['msg']}; record one with --record"
        ) from None
