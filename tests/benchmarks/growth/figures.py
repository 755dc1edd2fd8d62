"""What growing costs, as values: plain, frozen, JSON-ready."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One asker in one estate, over HTTP. Milliseconds; the first answer is of a cold view."""

    axis: str
    chunks: int
    tenants: int
    visible: int
    acls: int
    exact: bool
    asked: int
    failed: int
    first_ms: float
    p10_ms: float
    p50_ms: float
    p90_ms: float
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class EstateFigures:
    """One estate: MB that are resident after the questions, and on disk."""

    name: str
    chunks: int
    tenants: int
    acls: int
    serve_mb: float | None
    index_mb: float | None
    catalogue_disk_mb: float
    index_disk_mb: float


@dataclass(frozen=True, slots=True)
class GrowthFigures:
    """Everything that was measured in one run.

    ``same`` counts questions of the fixed view that every corpus answered with the same evidence
    and the same scores, of ``compared``. ``ingest_per_s`` is how many chunks the real job, with
    the real model, takes in a second.
    """

    machine: dict[str, Any]
    lanes: list[LaneFigures]
    estates: list[EstateFigures]
    same: int
    compared: int
    ingest_per_s: float

    def save(self, path: Path) -> None:
        """Write it down as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> GrowthFigures:
        """What an earlier run has written down."""
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            machine=told["machine"],
            lanes=[LaneFigures(**row) for row in told["lanes"]],
            estates=[EstateFigures(**row) for row in told["estates"]],
            same=told["same"],
            compared=told["compared"],
            ingest_per_s=told["ingest_per_s"],
        )

    def on(self, axis: str) -> list[LaneFigures]:
        """The lanes of one axis, in the order they were measured."""
        return [lane for lane in self.lanes if lane.axis == axis]
