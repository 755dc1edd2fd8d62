"""The scale model: what memory, disk, time to an answer and ingest will be at other sizes.

Straight lines through what was measured. To say how far they can be trusted, lines through the
smaller corpora alone predict the largest, and the error is shown. What never lives here: measuring.

Runs by itself: ``python -m tests.benchmarks.growth.scale --chunks 5000000 --visible 8000``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.console import Console

from tests.benchmarks.growth.figures import GrowthFigures
from tests.benchmarks.tables import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.growth.figures import EstateFigures, LaneFigures

EXACT_LIMIT: Final = 20_000
REPLICAS: Final = 2
NODE_GB: Final = 48
"""Of a machine with 64 GiB, what an index may take."""

_SIZES: Final = (10**5, 5 * 10**5, 10**6, 10**7, 10**8, 10**9)
_TENANTS: Final = (10, 50, 100, 1_000, 10_000, 100_000)
_VISIBLE: Final = (1_000, 5_000, 20_000, 100_000, 500_000)


@dataclass(frozen=True, slots=True)
class Line:
    """``base + slope * x``."""

    base: float
    slope: float

    @classmethod
    def through(cls, xs: Sequence[float], ys: Sequence[float]) -> Line:
        """By least squares of relative errors, so that small sizes count as much as large ones."""
        weights = 1 / np.array(ys)
        columns = np.stack([weights, weights * np.array(xs)], axis=1)
        base, slope = np.linalg.lstsq(columns, np.ones(len(ys)), rcond=None)[0]
        return cls(float(base), float(slope))

    def at(self, x: float) -> float:
        """The value there."""
        return self.base + self.slope * x


@dataclass(frozen=True, slots=True)
class Model:
    """Milliseconds of an answer: a base, and so much for each visible chunk."""

    base_ms: float
    exact_ms: float
    quantised_base_ms: float
    quantised_ms: float

    @classmethod
    def fitted(cls, lanes: Sequence[LaneFigures]) -> Model:
        """Two lines: within the exact limit and beyond it."""
        exact = [lane for lane in lanes if lane.exact]
        beyond = [lane for lane in lanes if not lane.exact]
        near = Line.through([lane.visible for lane in exact], [lane.p50_ms for lane in exact])
        far = near
        if len({lane.visible for lane in beyond}) > 1:
            far = Line.through([lane.visible for lane in beyond], [one.p50_ms for one in beyond])
        return cls(near.base, near.slope, far.base, far.slope)

    def at(self, visible: int) -> float:
        """Milliseconds for somebody who sees so many chunks."""
        if visible <= EXACT_LIMIT:
            return self.base_ms + self.exact_ms * visible
        return self.quantised_base_ms + self.quantised_ms * visible


@dataclass(frozen=True, slots=True)
class Footprint:
    """MB by chunks."""

    serve_mb: Line
    index_mb: Line
    catalogue_disk_mb: Line
    index_disk_mb: Line

    @classmethod
    def fitted(cls, estates: Sequence[EstateFigures]) -> Footprint:
        """Lines through corpora of one tenant."""
        xs = [row.chunks for row in estates]

        def line(values: Sequence[float | None]) -> Line:
            return Line.through(xs, [value or 0.0 for value in values])

        return cls(
            line([row.serve_mb for row in estates]),
            line([row.index_mb for row in estates]),
            line([row.catalogue_disk_mb for row in estates]),
            line([row.index_disk_mb for row in estates]),
        )


def corpora(figures: GrowthFigures) -> list[EstateFigures]:
    """The estates that differ in nothing but their size."""
    return [row for row in figures.estates if row.name.startswith("corpus-")]


def checked(figures: GrowthFigures) -> Sheet:
    """What lines through the smaller corpora say of the largest, beside what it was.

    Only the largest has several views beyond the exact limit, so that no other can predict those.
    """
    *smaller, largest = corpora(figures)
    took = Footprint.fitted(smaller)
    pairs = [
        ("service, MB", took.serve_mb, largest.serve_mb or 0.0),
        ("index process, MB", took.index_mb, largest.index_mb or 0.0),
        ("catalogue on disk, MB", took.catalogue_disk_mb, largest.catalogue_disk_mb),
        ("index on disk, MB", took.index_disk_mb, largest.index_disk_mb),
    ]
    rows = [_row(name, line.at(largest.chunks), value) for name, line, value in pairs]
    lanes = figures.on("visible")
    model = Model.fitted([lane for lane in lanes if lane.chunks < largest.chunks])
    rows += [
        _row(f"p50 with {lane.visible:,} visible, ms", model.at(lane.visible), lane.p50_ms)
        for lane in lanes
        if lane.chunks == largest.chunks and lane.exact
    ]
    title = f"{largest.chunks:,} chunks, predicted from smaller corpora, and as measured"
    return Sheet(title, ("", "predicted", "measured", "error"), tuple(rows))


def sheets(figures: GrowthFigures) -> Iterator[Sheet]:
    """The sizing tables, measured sizes first, and how far to trust them."""
    yield _sizes(figures)
    yield _answers(figures)
    yield checked(figures)


def _sizes(figures: GrowthFigures) -> Sheet:
    took = Footprint.fitted(corpora(figures))
    most = max(row.chunks for row in corpora(figures))
    rows = []
    for chunks, tenants in zip(_SIZES, _TENANTS, strict=True):
        index = took.index_mb.at(chunks) / 1_000
        rows.append(
            (
                f"{chunks:,}",
                f"{tenants:,}",
                "measured" if chunks <= most else "extrapolated",
                _figure(index),
                str(max(1, int(np.ceil(REPLICAS * index / NODE_GB)))) if chunks > most else "–",
                _figure(took.catalogue_disk_mb.at(chunks) / 1_000),
                _figure(took.index_disk_mb.at(chunks) / 1_000),
                _figure(chunks / figures.ingest_per_s / 3_600),
            )
        )
    columns = ("chunks", "tenants, say", "", "index memory, GB")
    columns += (f"machines of 64 GiB, {REPLICAS} copies", "catalogue on disk, GB")
    columns += ("index on disk, GB", f"ingest at {figures.ingest_per_s:.0f} chunks/s, h")
    return Sheet("Memory, disk and time by the number of chunks", columns, tuple(rows), texts=0)


def _answers(figures: GrowthFigures) -> Sheet:
    lanes = figures.on("visible")
    model = Model.fitted(lanes)
    most = max(lane.visible for lane in lanes)
    rows = [
        (
            f"{visible:,}",
            "exact" if visible <= EXACT_LIMIT else "quantised, rescored",
            "measured range" if visible <= most else "extrapolated",
            f"{model.at(visible):.0f}",
        )
        for visible in _VISIBLE
    ]
    columns = ("visible chunks of the asker", "precision", "", "p50 ms on this machine")
    return Sheet("Time to an answer by what the asker sees", columns, tuple(rows), texts=0)


def _row(name: str, predicted: float, measured: float) -> tuple[str, ...]:
    error = f"{100 * (predicted / measured - 1):+.0f} %" if measured else "–"
    return (name, f"{predicted:,.0f}", f"{measured:,.0f}", error)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def main(arguments: list[str] | None = None) -> int:
    """Predict for one size. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--visible", type=int, default=10_000, help="chunks the asker sees")
    parser.add_argument("--rate", type=float, default=None, help="chunks ingested a second")
    parser.add_argument("--measured", type=Path, default=Path(__file__).with_name("measured.json"))
    options = parser.parse_args(arguments)
    figures = GrowthFigures.load(options.measured)
    took, model = Footprint.fitted(corpora(figures)), Model.fitted(figures.on("visible"))
    rows = [
        ("index memory, MB", f"{took.index_mb.at(options.chunks):,.0f}"),
        ("service memory, MB", f"{took.serve_mb.at(options.chunks):,.0f}"),
        ("catalogue on disk, MB", f"{took.catalogue_disk_mb.at(options.chunks):,.0f}"),
        ("index on disk, MB", f"{took.index_disk_mb.at(options.chunks):,.0f}"),
        (f"p50 with {options.visible:,} visible, ms", f"{model.at(options.visible):,.0f}"),
    ]
    rate = options.rate or figures.ingest_per_s
    rows.append((f"ingest at {rate:,.0f} chunks/s, h", f"{options.chunks / rate / 3_600:,.1f}"))
    screen = Console()
    screen.print(Sheet(f"{options.chunks:,} chunks", ("", ""), tuple(rows)).for_terminal())
    screen.print(checked(figures).for_terminal())
    return 0


if __name__ == "__main__":
    sys.exit(main())
