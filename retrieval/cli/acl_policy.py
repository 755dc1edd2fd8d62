"""``clearance acl apply`` and ``export``: groups and ACLs as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.acl_change import administering
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, counted, printable, show_json
from retrieval.cli.plan_view import print_plan

if TYPE_CHECKING:
    from acl.admin.plan import Plan
    from retrieval.runtime import Runtime

PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Only say who would gain and lose what; change nothing.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(apply)
    app.command()(export)


def apply(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="YAML (or .json): groups, acls, prune.", metavar="FILE", dir_okay=False
        ),
    ],
    tenant: Tenant,
    plan: PlanOnly = False,
    as_json: Json = False,
) -> None:
    """Make groups and ACLs as a file says, whole or not at all.

    What is listed becomes exactly as listed; with 'prune: true', what is not listed goes. Applying
    a file again changes nothing. Look at --plan first.
    """
    with opened(context) as runtime:
        from acl.admin.policy_file import MAX_BYTES, read_policy

        require_tenant(runtime, tenant)
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        policy = read_policy(content, file=str(file), json=file.suffix == ".json")
        if plan:
            from acl.admin.policy import plan_policy

            with runtime.database.write(tenant) as session:
                made = plan_policy(
                    session, tenant, policy, secret=runtime.secret, now=runtime.clock()
                )
        else:
            with administering(runtime, tenant) as administration:
                made = administration.apply(policy)
        _show(made, planned=plan, as_json=as_json)


def export(
    context: typer.Context,
    tenant: Tenant,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here instead.", dir_okay=False),
    ] = None,
) -> None:
    """Write groups and ACLs as a file that 'apply' has nothing to change for.

    What a source or a directory keeps is left out: they write it anew themselves.
    """
    with opened(context) as runtime:
        require_tenant(runtime, tenant)
        text = _exported(runtime, tenant)
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8")
            console().print(printable(f"written to {output}"))


def _exported(runtime: Runtime, tenant: str) -> str:
    from acl.admin.policy import policy_of
    from acl.admin.policy_file import write_policy

    with runtime.database.read(tenant) as session:
        return write_policy(policy_of(session, tenant))


def _show(made: Plan, *, planned: bool, as_json: bool) -> None:
    if as_json:
        show_json({**made.to_dict(), "changed": not made.empty and not planned, "planned": planned})
        return
    print_plan(console(), made, planned=planned)
    if planned and not made.empty:
        console().print(
            f"nothing is changed yet; without --plan, {counted(len(made.changes), 'change')} "
            "would be made",
            style="dim",
        )
