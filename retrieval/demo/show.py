"""How the demo looks: one panel for each promise. Text of documents is never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.demo.checks import Check
    from retrieval.demo.measure import Measured
    from retrieval.evidence import Evidence, RetrieveResponse

_COLOUR = {"ok": "green", "degraded": "yellow", "no_evidence": "cyan"}
_EXCERPT = 170
_SHOWN = 2


def answer_lines(asker: str, query: str, answer: RetrieveResponse) -> list[Text]:
    """An answer in a few lines: who asked what, how it stands, what was found."""
    status = Text.assemble(
        ("  → ", "dim"),
        (answer.status.value, f"bold {_COLOUR[answer.status.value]}"),
        (f" · {answer.action.value}", "dim"),
    )
    for reason in answer.reasons:
        status.append(f" · {reason.code.value}", "yellow")
    lines = [Text.assemble((asker, "bold"), (": ", "dim"), (query, "italic")), status]
    for piece in answer.evidence[:_SHOWN]:
        lines.extend(_piece_lines(piece))
    return lines


def _piece_lines(piece: Evidence) -> list[Text]:
    cite = piece.citation
    place = f"characters {cite.start} to {cite.end}"
    if cite.page is not None:
        place = f"page {cite.page}, {place}"
    head = Text.assemble(
        (f"    {piece.id} ", "bold"),
        (cite.title, "bold blue"),
        (f"  {place} · {piece.freshness.state} · {piece.trust.verdict}", "dim"),
    )
    if piece.conflicts_with:
        head.append(f" · conflicts with {', '.join(piece.conflicts_with)}", "yellow")
    if piece.also_in:
        head.append(f" · also in {len(piece.also_in)} more", "dim")
    excerpt = " ".join(piece.text.split())
    body = excerpt if len(excerpt) <= _EXCERPT else excerpt[:_EXCERPT].rsplit(" ", 1)[0] + " …"
    lines = [head, Text(f"       {body}", style="default")]
    findings = [f for f in piece.trust.findings if f.severity == "high"]
    if findings:
        lines.append(Text(f"       finding: {findings[0].rule}: {findings[0].message}", "yellow"))
    return lines


def panel(title: str, promise: str, lines: Sequence[Text], checks: Sequence[Check]) -> Panel:
    """One step: what it promises, what came back, and each expectation with its outcome."""
    outcome = [
        Text.assemble(("  ✓ " if held else "  ✗ ", "green" if held else "bold red"), (words, "dim"))
        for words, held in checks
    ]
    held = all(held for _, held in checks)
    return Panel(
        Group(Text(promise, style="bold"), *lines, *outcome),
        title=title,
        title_align="left",
        border_style="green" if held else "red",
    )


def measured_table(measured: Measured) -> Table:
    """The figures over all questions of the scenario."""
    table = Table(title="Measured on the scenario's questions", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for words, figure in measured.rows():
        table.add_row(words, figure)
    return table


def console() -> Console:
    """The demo's console: at most 110 columns, so that panels stay readable."""
    probe = Console()
    return Console(width=min(probe.width, 110), highlight=False)
