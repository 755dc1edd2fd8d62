"""``clearance status``: how an installation stands, for people and for monitoring."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.durations import spoken
from retrieval.cli.exits import Exit
from retrieval.cli.opening import opened, require_tenant, tenants
from retrieval.cli.options import AnyTenant, Json
from retrieval.cli.output import console, counted, hint, printable, show_json, table

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.freshness import FreshnessState
    from retrieval.runtime import Runtime


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    context: typer.Context,
    tenant: AnyTenant = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with 4 if a source is in this state: stale, failing or unknown. Repeat.",
            metavar="STATE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show tenants, sources and how fresh they are, and the index behind them."""
    unwanted = {_state(name) for name in fail_on or ()}
    with opened(context) as runtime:
        if tenant is not None:
            require_tenant(runtime, tenant)
        found = _gather(runtime, [tenant] if tenant else tenants(runtime))
        if as_json:
            show_json(found)
        else:
            _print(console(), found)
    states = {source["state"] for entry in found["tenants"] for source in entry["sources"]}
    raise typer.Exit(Exit.STALE if states & unwanted else Exit.OK)


def _state(name: str) -> FreshnessState:
    from ingestion.freshness import FreshnessState as State

    allowed = [state.value for state in State if state is not State.FRESH]
    if name not in allowed:
        raise typer.BadParameter(f"--fail-on {name!r}: choose {', '.join(allowed)}")
    return State(name)


def _gather(runtime: Runtime, names: list[str]) -> dict[str, Any]:
    from sqlalchemy import func, select

    from acl.models import AclRow, PrincipalRow
    from ingestion.freshness import source_freshness

    generation = runtime.generation()
    found: dict[str, Any] = {
        "data_dir": str(runtime.settings.data_dir),
        "generation": generation and {"id": generation.id, "embedder": generation.embedder},
        "tenants": [],
    }
    for name in names:
        with runtime.database.read(name) as session:
            chunks = session.scalar(select(func.sum(AclRow.live_chunks))) or 0
            known = session.scalar(select(func.count()).select_from(PrincipalRow)) or 0
            sources = source_freshness(session, name, runtime.clock())
        found["tenants"].append(
            {
                "tenant": name,
                "principals": known,
                "documents": sum(source.documents for source in sources),
                "chunks": int(chunks),
                "sources": [asdict(source) for source in sources],
            }
        )
    return found


def _print(screen: Console, found: dict[str, Any]) -> None:
    generation = found["generation"]
    built = f"{generation['id']}, {generation['embedder']}" if generation else "nothing built yet"
    screen.print(printable(f"{found['data_dir']}  index: {built}"), style="dim", soft_wrap=True)
    for entry in found["tenants"]:
        screen.print()
        screen.print(
            printable(
                f"{entry['tenant']}: {counted(entry['documents'], 'document')}, "
                f"{counted(entry['chunks'], 'chunk')}, {counted(entry['principals'], 'principal')}"
            ),
            style="bold",
        )
        screen.print(
            table(
                ["source", "state", "confirmed", "may be", "documents", "last error"],
                [
                    (
                        source["name"],
                        source["state"],
                        f"{spoken(source['age_seconds'])} ago"
                        if source["age_seconds"] is not None
                        else None,
                        spoken(source["max_age_seconds"]),
                        source["documents"],
                        source["last_error"],
                    )
                    for source in entry["sources"]
                ],
                right="may be,documents",
            )
        )
    if not found["tenants"]:
        hint("there is no tenant yet: clearance ingest FOLDER --tenant NAME --allow group:NAME")
