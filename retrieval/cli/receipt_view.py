"""Receipts for people: what they state, how a replay went, who was shown what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.text import Text

from retrieval.cli.output import console, counted, one_line, printable, show_json, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from retrieval.exposure import Exposure, ExposureResponse
    from retrieval.exposure_grant import Grant
    from retrieval.receipt_file import CheckedSpan
    from retrieval.receipt_replay import Replay
    from retrieval.receipt_statement import Statement

_GOOD: Final = "bold green"
_BAD: Final = "bold red"
_OUTCOMES: Final = {"reproduced": "green", "changed": "yellow", "gone": "red"}
_PASSAGES: Final = {"same": "green", "different": "bold red", "unstated": "dim"}
_SHORT: Final = 12


def print_broken(reason: str, *, as_json: bool) -> None:
    """Say that a receipt does not hold, and why."""
    if as_json:
        show_json({"good": False, "reason": reason})
    else:
        console().print(Text.assemble(("does not hold", _BAD), f"  {one_line(reason)}"))


def print_statement(
    screen: Console, statement: Statement, spans: Sequence[CheckedSpan] | None
) -> None:
    """What a good receipt states, and how its passages compare with a source, if one was given."""
    screen.print(Text.assemble(("as signed", _GOOD), f"  receipt {statement.jti}"))
    _print_fields(screen, statement)
    compared = {one.evidence: one.span.value for one in spans or ()}
    rows = []
    for place, cited in enumerate(statement.citations, start=1):
        page = "" if cited.page is None else f" p. {cited.page}"
        passage = compared.get(f"e{place}", "")
        rows.append(
            (
                f"e{place}",
                cited.document_id,
                f"{cited.source} v{cited.version}{page}",
                f"{cited.start}-{cited.end}",
                cited.state,
                cited.verdict,
                Text(passage or "-", style=_PASSAGES.get(passage, "dim")),
            )
        )
    columns = ["", "document", "version", "span", "freshness", "trust", "in the source"]
    _print_table(screen, columns, rows)


def print_replay(screen: Console, statement: Statement, found: Replay) -> None:
    """How a replay went, piece by piece."""
    style = _OUTCOMES[found.outcome]
    heading = "nothing was cited" if not found.citations else found.outcome.value
    screen.print(Text.assemble((heading, f"bold {style}"), f"  receipt {found.receipt_id}"))
    _print_fields(screen, statement)
    rows = [
        (
            one.evidence,
            one.document_id,
            f"v{one.version}",
            Text(one.outcome.value, style=_OUTCOMES[one.outcome]),
            ", ".join(change.value for change in one.changes),
        )
        for one in found.citations
    ]
    _print_table(screen, ["", "document", "version", "evidence", "since, or why not"], rows)
    for one in found.citations:
        if one.text is not None:
            screen.print()
            screen.print(Text.assemble((one.evidence, "bold cyan"), (" untrusted text", "dim")))
            screen.print(Text(printable(one.text)), soft_wrap=True)


def print_exposure(screen: Console, found: ExposureResponse) -> None:
    """Who was shown a document."""
    affected = sum(one.affected for one in found.exposures)
    screen.print(
        Text.assemble(
            (counted(len(found.exposures), "receipt"), "bold"),
            f" of document {one_line(found.document_id)}",
            (f", a correction concerns {affected}" if affected else "", "bold yellow"),
        )
    )
    columns = ["when", "who", "still may", "what", "under", "since", "receipt"]
    _print_table(screen, columns, map(_exposed, found.exposures))


def _exposed(one: Exposure) -> tuple[object, ...]:
    kinds = sorted({span.correction.value for span in one.spans})
    return (
        f"{one.issued_at:%Y-%m-%d %H:%M}Z",
        " via ".join([one.subject, *one.actors]),
        one.admitted_now,
        ", ".join(f"v{span.version} {span.start}-{span.end}" for span in one.spans),
        ", ".join(f"{grant.acl or grant.acl_id}{_way(grant)}" for grant in one.grants),
        Text(", ".join(kinds), style="yellow" if one.affected else "dim"),
        one.receipt_id,
    )


def _way(grant: Grant) -> str:
    """The shortest way that still leads there."""
    ways = sorted(grant.ways, key=len)
    return f" ({' → '.join(ways[0])})" if grant.stands and ways else " (no longer)"


def _print_fields(screen: Console, statement: Statement) -> None:
    at = datetime.fromtimestamp(statement.iat, UTC)
    fields = [
        ("shown to", " via ".join([statement.sub, *statement.act])),
        ("tenant", statement.tenant),
        ("at", f"{at:%Y-%m-%d %H:%M:%S}Z"),
        ("purpose", statement.purpose),
        ("answer", statement.status and f"{statement.status}, {statement.action}"),
        ("view", statement.view[:_SHORT]),
        ("software", statement.versions.software),
    ]
    for name, value in fields:
        if value:
            screen.print(Text.assemble((f"  {name:<9} ", "dim"), one_line(str(value))))


def _print_table(screen: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    found = list(rows)
    if found:
        screen.print()
        screen.print(table(columns, found))
