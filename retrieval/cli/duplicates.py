"""``clearance duplicates``: what is held twice, nearly twice, or in contradiction."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, counted, hint, printable, show_json, table

if TYPE_CHECKING:
    from ingestion.near.record import NearReport
    from ingestion.near.statistics import ListedPair, SourceDuplicates
    from retrieval.runtime import Runtime


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(duplicates)


def duplicates(
    context: typer.Context,
    tenant: Tenant,
    source: Annotated[str | None, typer.Option(help="Only this source.", metavar="NAME")] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="List near pairs, the most alike first.")
    ] = False,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="List pairs that contradict one another.")
    ] = False,
    limit: Annotated[int, typer.Option(help="List at most so many pairs.", min=1)] = 20,
    settle: Annotated[
        bool, typer.Option("--settle", help="First compare what has not been compared yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count exact duplicates, near-duplicates and conflicts by source."""
    with opened(context) as runtime:
        require_tenant(runtime, tenant)
        settled = _settled(runtime, tenant) if settle else None
        found, listed = _read(
            runtime,
            tenant,
            source=source,
            listing=pairs or conflicts,
            conflicts=conflicts and not pairs,
            limit=limit,
        )
        if as_json:
            show_json(_document(tenant, found, listed, settled))
            return
        _print(found, listed)
        unsettled = sum(row.unsettled for row in found)
        if unsettled:
            hint(
                f"{counted(unsettled, 'text')} not compared yet: "
                f"clearance duplicates --tenant {tenant} --settle"
            )


def _settled(runtime: Runtime, tenant: str) -> NearReport:
    from ingestion.lock import lock_for
    from ingestion.near.record import CatalogueOnly, settle

    lock = lock_for(runtime.database, runtime.settings.data_dir / "write.lock")
    return settle(CatalogueOnly(runtime.database, runtime.secret, lock), tenant)


def _read(
    runtime: Runtime,
    tenant: str,
    *,
    source: str | None,
    listing: bool,
    conflicts: bool,
    limit: int,
) -> tuple[list[SourceDuplicates], list[ListedPair] | None]:
    from ingestion.catalog import served_generation
    from ingestion.near.statistics import listed_pairs, statistics

    with runtime.database.read(tenant) as session:
        generation = served_generation(session) or ""
        found = statistics(session, tenant, generation)
        if source is not None:
            known = ", ".join(row.source for row in found) or "none"
            found = [row for row in found if row.source == source]
            if not found:
                raise CommandError(
                    f"--source {source!r}: it holds no documents; there are: {known}"
                )
        listed = None
        if listing:
            listed = listed_pairs(
                session, tenant, generation, source=source, conflicts=conflicts, limit=limit
            )
    return found, listed


def _document(
    tenant: str,
    found: list[SourceDuplicates],
    listed: list[ListedPair] | None,
    settled: NearReport | None,
) -> dict[str, Any]:
    document: dict[str, Any] = {"tenant": tenant, "sources": [row.to_dict() for row in found]}
    if listed is not None:
        document["pairs"] = [asdict(pair) for pair in listed]
    if settled is not None:
        document["settled"] = settled.to_dict()
    return document


def _print(found: list[SourceDuplicates], listed: list[ListedPair] | None) -> None:
    screen = console()
    columns = ["source", "chunks", "texts", "copies", "share", "near pairs", "conflicts", "crowded"]
    screen.print(
        table(
            columns,
            [
                (
                    row.source,
                    row.occurrences,
                    row.texts,
                    row.exact,
                    f"{100 * row.exact_share:.1f} %",
                    row.near_pairs,
                    row.conflicts,
                    row.crowded,
                )
                for row in found
            ],
            right=",".join(columns[1:]),
        )
    )
    for pair in listed or ():
        screen.print()
        first, second = pair.first[0], pair.second[0]
        screen.print(
            printable(f"{100 * pair.similarity:.1f} %  {first.title}  |  {second.title}"),
            style="bold",
        )
        for place in (first, second):
            screen.print(printable(f"  {place.uri}  {place.start}-{place.end}"), soft_wrap=True)
        for found_in in pair.differences:
            screen.print(
                printable(
                    f"  {found_in['kind']}: {found_in['first'] or 'nothing'}"
                    f"  |  {found_in['second'] or 'nothing'}"
                ),
                style="yellow",
                soft_wrap=True,
            )
    if listed == []:
        screen.print("no such pairs", style="dim")
