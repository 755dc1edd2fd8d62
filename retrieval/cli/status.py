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

    from ingestion.freshness import Condition, SourceFreshness
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
            help="Exit with 4 if a source is stale, failing, unknown or acl_stale (closed, because "
            "its permissions are too old). Repeat, or separate by commas.",
            metavar="STATE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show tenants, sources and how fresh they are, and the index behind them."""
    unwanted = [_condition(name) for given in fail_on or () for name in given.split(",")]
    with opened(context) as runtime:
        if tenant is not None:
            require_tenant(runtime, tenant)
        fresh = _freshness(runtime, [tenant] if tenant else tenants(runtime))
        found = _gather(runtime, fresh)
        if as_json:
            show_json(found)
        else:
            _print(console(), found)
    met = any(
        source.is_in(condition)
        for sources in fresh.values()
        for source in sources
        for condition in unwanted
    )
    raise typer.Exit(Exit.STALE if met else Exit.OK)


def _condition(name: str) -> Condition:
    from ingestion.freshness import Condition as Conditions

    allowed = [condition.value for condition in Conditions]
    if name not in allowed:
        raise typer.BadParameter(f"--fail-on {name!r}: choose {', '.join(allowed)}")
    return Conditions(name)


def _freshness(runtime: Runtime, names: list[str]) -> dict[str, list[SourceFreshness]]:
    from ingestion.freshness import source_freshness

    found = {}
    for name in names:
        with runtime.database.read(name) as session:
            found[name] = source_freshness(session, name, runtime.clock())
    return found


def _gather(runtime: Runtime, fresh: dict[str, list[SourceFreshness]]) -> dict[str, Any]:
    from sqlalchemy import func, select

    from acl.models import AclRow, PrincipalRow
    from ingestion.index.facets import LAYOUT
    from retrieval.source_gauges import label_of

    generation = runtime.generation()
    found: dict[str, Any] = {
        "data_dir": str(runtime.settings.data_dir),
        "generation": generation
        and {
            "id": generation.id,
            "embedder": generation.embedder,
            "filters": "all" if generation.layout >= LAYOUT else "source",
        },
        "tenants": [],
    }
    for name, sources in fresh.items():
        with runtime.database.read(name) as session:
            chunks = session.scalar(select(func.sum(AclRow.live_chunks))) or 0
            known = session.scalar(select(func.count()).select_from(PrincipalRow)) or 0
        found["tenants"].append(
            {
                "tenant": name,
                "principals": known,
                "documents": sum(source.documents for source in sources),
                "chunks": int(chunks),
                "sources": [
                    {**asdict(source), "metrics_label": label_of(runtime, name, source.name)}
                    for source in sources
                ],
            }
        )
    return found


def _print(screen: Console, found: dict[str, Any]) -> None:
    generation = found["generation"]
    built = f"{generation['id']}, {generation['embedder']}" if generation else "nothing built yet"
    if generation and generation["filters"] == "source":
        built += "; filters on source alone until 'clearance reindex --full'"
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
                ["source", "state", "confirmed", "may be", "documents", "behind", "last error"],
                [
                    (
                        source["name"],
                        source["state"],
                        f"{spoken(source['age_seconds'])} ago"
                        if source["age_seconds"] is not None
                        else None,
                        spoken(source["max_age_seconds"]),
                        source["documents"],
                        source["backlog"] + source["pending"] or None,
                        _trouble(source),
                    )
                    for source in entry["sources"]
                ],
                right="may be,documents,behind",
            )
        )
    if not found["tenants"]:
        hint("there is no tenant yet: clearance ingest FOLDER --tenant NAME --allow group:NAME")


def _trouble(source: dict[str, Any]) -> str | None:
    permissions = source["permissions"]
    if permissions is not None and permissions["closes_in_seconds"] <= 0:
        return "closed: its permissions are too old"
    error: str | None = source["last_error"]
    return error
