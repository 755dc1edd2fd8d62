"""``clearance acl``: who may see what, shown. What changes it is in the modules beside."""

from __future__ import annotations

import typer

from retrieval.cli import acl_change, acl_explain, acl_policy
from retrieval.cli.acl_change import AclName, Group
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, hint, printable, show_json, table

app = typer.Typer(help="ACLs, groups and principals.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """List a tenant's ACLs and whom each admits."""
    with opened(context) as runtime:
        from retrieval.cli.acl_view import list_acls

        require_tenant(runtime, tenant)
        found = list_acls(runtime, tenant)
        if as_json:
            show_json([acl.to_dict() for acl in found])
            return
        console().print(
            table(
                ["acl", "allow", "deny", "inherits from", "chunks"],
                [
                    (
                        acl.name,
                        ", ".join(acl.allowed),
                        ", ".join(acl.denied),
                        acl.parent if acl.inherit else "",
                        acl.live_chunks,
                    )
                    for acl in found
                ],
                right="chunks",
            )
        )


@app.command()
def show(context: typer.Context, acl: AclName, tenant: Tenant, as_json: Json = False) -> None:
    """Show an ACL with everything it inherits."""
    with opened(context) as runtime:
        from retrieval.cli.acl_view import chain_of

        require_tenant(runtime, tenant)
        chain = chain_of(runtime, tenant, acl)
        if as_json:
            show_json([link.to_dict() for link in chain])
            return
        screen = console()
        for link in chain:
            managed = f"  kept by source {link.managed_by}" if link.managed_by else ""
            screen.print(f"{printable(link.name)}{printable(managed)}", style="bold")
            screen.print(
                table(
                    ["effect", "principal", "expires"],
                    [(e.effect, str(e.principal), e.expires_at) for e in link.entries],
                )
                if link.entries
                else "no entries of its own"
            )
        if not any(entry.effect == "allow" for link in chain for entry in link.entries):
            hint(f"it admits nobody: clearance acl grant {acl} group:NAME --tenant {tenant}")


@app.command()
def members(context: typer.Context, group: Group, tenant: Tenant, as_json: Json = False) -> None:
    """List the direct members of a group."""
    with opened(context) as runtime:
        from retrieval.cli.acl_view import members_of

        require_tenant(runtime, tenant)
        found = members_of(runtime, tenant, group)
        if as_json:
            show_json(found)
        else:
            console().print(table(["member"], [(name,) for name in found]))


@app.command()
def principals(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """List everyone a tenant knows, and the groups they are in."""
    with opened(context) as runtime:
        from retrieval.cli.acl_view import list_principals

        require_tenant(runtime, tenant)
        found = list_principals(runtime, tenant)
        if as_json:
            show_json(found)
            return
        console().print(
            table(
                ["principal", "enabled", "member of"],
                [(p["principal"], p["enabled"], ", ".join(p["groups"])) for p in found],
            )
        )


acl_change.register(app)
acl_policy.register(app)
acl_explain.register(app)
