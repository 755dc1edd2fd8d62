"""``clearance flags``: what operators switch while the service runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, hint, show_json, table
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from retrieval.flags.switching import Change, SetFlag, Switching

FlagName = Annotated[
    str,
    typer.Argument(
        help="tenant, read_only, exact_only, lexical_only, trust_policy, source:NAME, "
        "route:OPERATION or tool:NAME.",
        metavar="FLAG",
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", help="For whoever reads the history.", metavar="TEXT")
]
_SET = ("flag", "value", "since", "by", "reason")
_CHANGES = ("change", "at", "flag", "before", "after", "by", "reason", "undoes")

app = typer.Typer(
    help=(
        "What operators switch in a tenant while the service runs. Every process obeys at its "
        "next request; every change is in the audit.\n\n"
        "clearance flags set source:policies off --tenant bank --reason 'poisoned, see 4711'\n\n"
        "clearance flags rollback 12 --tenant bank: every flag as it was before change 12."
    ),
    no_args_is_help=True,
)


@app.command("list")
def list_(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """List the flags that are set. What is not listed is as usual."""
    with opened(context) as runtime:
        from retrieval.flags.switching import set_flags

        require_tenant(runtime, tenant)
        with runtime.database.read(tenant) as session:
            found = set_flags(session, tenant)
    if as_json:
        show_json([_flag(one) for one in found])
        return
    console().print(table(_SET, [_row(_flag(one)) for one in found]))
    if not found:
        hint("nothing is switched; clearance flags set FLAG VALUE --tenant TENANT")


@app.command("set")
def set_(
    context: typer.Context,
    flag: FlagName,
    value: Annotated[
        str,
        typer.Argument(
            help="off for a tenant, source, route or tool; on for read_only, exact_only and "
            "lexical_only; flag, redact or withhold for trust_policy.",
            metavar="VALUE",
        ),
    ],
    tenant: Tenant,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Set a flag. It holds for the next request, in every process."""
    from retrieval.flags.flag import Flag

    def work(switch: Switching) -> list[Change]:
        made = switch.set(Flag.parse(flag), value, reason=reason)
        return [] if made is None else [made]

    _change(context, tenant, work, as_json=as_json)


@app.command()
def unset(
    context: typer.Context,
    flag: FlagName,
    tenant: Tenant,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Go back to what is usual, from the next request on."""
    from retrieval.flags.flag import Flag

    def work(switch: Switching) -> list[Change]:
        made = switch.unset(Flag.parse(flag), reason=reason)
        return [] if made is None else [made]

    _change(context, tenant, work, as_json=as_json)


@app.command()
def history(
    context: typer.Context,
    tenant: Tenant,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.", metavar="NUMBER")] = 50,
    as_json: Json = False,
) -> None:
    """Show who changed which flag, when and why; the latest first."""
    with opened(context) as runtime:
        from retrieval.flags.switching import history as changes_of

        require_tenant(runtime, tenant)
        with runtime.database.read(tenant) as session:
            changes = changes_of(session, tenant, limit=limit)
    _show(changes, as_json=as_json)


@app.command()
def rollback(
    context: typer.Context,
    change: Annotated[
        int, typer.Argument(min=1, help="Its number in the history.", metavar="CHANGE")
    ],
    tenant: Tenant,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Bring every flag to where it stood before a change, undoing what came after it too."""
    _change(
        context, tenant, lambda switch: switch.roll_back(change, reason=reason), as_json=as_json
    )


def _change(
    context: typer.Context,
    tenant: str,
    work: Callable[[Switching], list[Change]],
    *,
    as_json: bool,
) -> None:
    with opened(context) as runtime:
        from retrieval.flags.switching import switching

        require_tenant(runtime, tenant)
        with switching(runtime.database, tenant, operator(), now=runtime.clock()) as switch:
            made = work(switch)
    _show(made, as_json=as_json)
    if not as_json:
        if not made:
            console().print("it was so already; nothing changed", style="yellow")
        else:
            hint(f"clearance flags rollback {made[0].number} --tenant {tenant} takes it back")


def _show(changes: Sequence[Change], *, as_json: bool) -> None:
    if as_json:
        show_json([_told(change) for change in changes])
    elif changes:
        console().print(table(_CHANGES, [_row(_told(change)) for change in changes]))


def _row(told: dict[str, Any]) -> tuple[object, ...]:
    """Its cells, with moments short enough for a terminal."""
    return tuple(
        f"{value:%Y-%m-%d %H:%MZ}" if isinstance(value, datetime) else value
        for value in told.values()
    )


def _told(change: Change) -> dict[str, Any]:
    return {
        "change": change.number,
        "at": change.at,
        "flag": str(change.flag),
        "before": change.before,
        "after": change.after,
        "by": change.actor,
        "reason": change.reason,
        "undoes": change.undoes,
    }


def _flag(found: SetFlag) -> dict[str, Any]:
    return {
        "flag": str(found.flag),
        "value": found.value,
        "since": found.changed_at,
        "by": found.changed_by,
        "reason": found.reason,
    }
