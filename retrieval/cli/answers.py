"""An answer for people: how it stands and why, then each piece of evidence with its citation.

The text of documents stands apart behind a bar at the margin, as characters and nothing else.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from retrieval.cli.durations import spoken
from retrieval.cli.output import counted, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console

    from retrieval.evidence import Citation, Evidence, RetrieveResponse

_STATUS: Final = {"ok": "green", "degraded": "yellow", "no_evidence": "red"}
_FRESHNESS: Final = {"fresh": "green", "stale": "yellow", "failing": "yellow", "unknown": "yellow"}
_TRUST: Final = {"clean": "green", "flagged": "red", "redacted": "yellow", "withheld": "red"}
_BAR: Final = "│ "
_INDENT: Final = 5
_NARROWEST: Final = 30
_WIDEST: Final = 100


def print_answer(screen: Console, answer: RetrieveResponse) -> None:
    """Print the whole answer."""
    count = len(answer.evidence)
    search = f"{answer.search.mode} search, {answer.search.exactness}"
    screen.print(
        Text.assemble(
            (answer.status.replace("_", " "), f"bold {_STATUS[answer.status]}"),
            f" · {answer.action.replace('_', ' ')}",
            (f"   {counted(count, 'piece')} of evidence, {search}", "dim"),
        )
    )
    for reason in answer.reasons:
        about = [*reason.evidence, *([reason.source] if reason.source else [])]
        screen.print(
            Text.assemble(
                ("! ", "bold yellow"),
                (str(reason.code), "yellow"),
                f"  {one_line(reason.message)}",
                (f" ({one_line(', '.join(about))})" if about else "", "dim"),
            )
        )
    for evidence in answer.evidence:
        screen.print()
        _print_evidence(screen, evidence)


def _print_evidence(screen: Console, evidence: Evidence) -> None:
    screen.print(
        Text.assemble(
            (f"{evidence.id:<{_INDENT - 1}} ", "bold cyan"),
            (one_line(evidence.citation.title), "bold"),
            ("" if evidence.relevance is None else f"   relevance {evidence.relevance:.2f}", "dim"),
        )
    )
    _indented(screen, Text(_place(evidence.citation), style="dim"))
    _quote(screen, evidence)
    _indented(screen, _standing(evidence))
    for finding in evidence.trust.findings:
        _indented(
            screen,
            Text.assemble(
                ("! ", "bold red"),
                (f"{finding.rule} ", "red"),
                f"{one_line(finding.message)} ",
                (f"(characters {finding.start} to {finding.end})", "dim"),
            ),
        )
    if evidence.conflicts_with:
        _indented(
            screen, Text(f"disagrees with {', '.join(evidence.conflicts_with)}", style="yellow")
        )
    for other in evidence.also_in:
        _indented(screen, Text(f"also in {one_line(other.title)} ({one_line(other.uri)})", "dim"))


def _place(citation: Citation) -> str:
    """Where it stands: source, place, version, page, characters."""
    parts = [
        f"{one_line(citation.source)}: {one_line(citation.uri)}",
        f"version {citation.version}",
    ]
    if citation.page is not None:
        parts.append(f"page {citation.page}")
    parts.append(f"characters {citation.start} to {citation.end}")
    return ", ".join(parts)


def _standing(evidence: Evidence) -> Text:
    """Freshness and trust on one line."""
    freshness, trust = evidence.freshness, evidence.trust
    allowed = (
        f" (may be {spoken(freshness.max_age_seconds)})"
        if freshness.max_age_seconds is not None
        else ""
    )
    return Text.assemble(
        (freshness.state, _FRESHNESS[freshness.state]),
        (f", confirmed {spoken(freshness.age_seconds)} ago{allowed}", "dim"),
        " · ",
        (trust.verdict, _TRUST[trust.verdict]),
        (f" · chunk {evidence.chunk_id}", "dim"),
    )


def _quote(screen: Console, evidence: Evidence) -> None:
    """The document's text, wrapped, each line behind a bar; what was found in it stands out."""
    width = min(_WIDEST, max(_NARROWEST, screen.width - _INDENT - len(_BAR)))
    for line in _marked(evidence).wrap(screen, width):
        line.rstrip()
        _indented(screen, Text.assemble((_BAR, "cyan"), line))


def _marked(evidence: Evidence) -> Text:
    """The text with findings coloured. Cut first, made printable after: offsets count raw text."""
    text, findings = evidence.text, evidence.trust.findings
    edges = {0, len(text), *(f.start for f in findings), *(f.end for f in findings)}
    cuts = sorted(edge for edge in edges if 0 <= edge <= len(text))
    marked = Text(tab_size=4)
    for start, end in pairwise(cuts):
        found = any(f.start <= start and end <= f.end for f in findings)
        marked.append(printable(text[start:end]), style="red" if found else "")
    return marked


def _indented(screen: Console, text: Text) -> None:
    screen.print(Padding(text, (0, 0, 0, _INDENT), expand=False))
