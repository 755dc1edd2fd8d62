"""The figures in README and docs, between two markers. What never lives here: measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.machine import sentence
from tests.benchmarks.tables import sheets, stages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.figures import Figures


_LEGEND: Final = (
    '"Chroma" is sentence-transformers with Chroma, in one process, given the ACLs of whoever asks '
    "as a filter (`where`) or to drop what is not permitted from 50 results (post-filter). It is "
    "timed inside its process; Clearance is timed by a client over HTTP, and resolves who may see "
    "what, searches by meaning and by words, checks every row again and cites it."
)


def block(figures: Figures, *, chart: str | None) -> str:
    """What stands between the markers."""
    parts = [sheet.for_markdown() for sheet in sheets(figures)]
    if chart is not None:
        parts.insert(1, f"![Median time to an answer, by what the asker may see]({chart})")
    parts += [_LEGEND, *figures.notes]
    parts.append(
        f"Measured in one run, in turns, by `make bench`: {sentence(figures.machine)}. How, and "
        "what favours whom: [docs/benchmarks.md](docs/benchmarks.md)."
    )
    return "\n\n".join(parts)


def stages_block(figures: Figures, *, chart: str) -> str:
    """What stands between the markers of the page about performance."""
    parts = [
        f"![Where the milliseconds of an answer go]({chart})",
        stages(figures).for_markdown(),
        f"Of the run that the README shows: {sentence(figures.machine)}.",
    ]
    return "\n\n".join(parts)


def write(path: Path, text: str, *, name: str = "bench") -> None:
    """Put ``text`` between the markers of a file; everything else stays.

    Args:
        path: of a Markdown file.
        text: what was measured.
        name: of the markers, where a page has several.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    content = path.read_text(encoding="utf-8")
    before, opening, rest = content.partition(start)
    _, closing, after = rest.partition(end)
    if not (opening and closing) or start in rest or end in after:
        raise ValueError(f"{path}: write {start} and {end} where the figures belong, once each")
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
