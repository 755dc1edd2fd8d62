"""``clearance acl``: who may see what. A change holds for the next query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Expires, Json, Tenant
from retrieval.cli.output import console, errors, hint, printable, show_json, table

if TYPE_CHECKING:
    from acl.entries import Effect
    from retrieval.runtime import Runtime

app = typer.Typer(help="ACLs, groups and principals.", no_args_is_help=True)

AclName = Annotated[str, typer.Argument(help="The ACL, by name.", metavar="ACL")]
PrincipalText = Annotated[
    str,
    typer.Argument(help="user:ID, group:ID, service:ID or everyone.", metavar="PRINCIPAL"),
]
Group = Annotated[str, typer.Argument(help="group:ID", metavar="GROUP")]
Member = Annotated[str, typer.Argument(help="user:ID, group:ID or service:ID", metavar="MEMBER")]
Deny = Annotated[bool, typer.Option("--deny", help="A refusal; it wins over every grant.")]


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
def grant(
    context: typer.Context,
    acl: AclName,
    principal: PrincipalText,
    tenant: Tenant,
    deny: Deny = False,
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Allow (or with --deny refuse) somebody an ACL and what inherits from it."""
    with opened(context) as runtime:
        from acl.acls import grant as add
        from acl.entries import AclEntry
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        entry = AclEntry(_effect(deny=deny), Principal.parse(principal), expires)
        with runtime.database.write(tenant) as session:
            changed = add(session, tenant, acl, entry, now=runtime.clock())
        _say(f"{entry.effect} {entry.principal} on {acl}", changed=changed, as_json=as_json)
        _warn_if_managed(runtime, tenant, acl)


@app.command()
def revoke(
    context: typer.Context,
    acl: AclName,
    principal: PrincipalText,
    tenant: Tenant,
    deny: Deny = False,
    as_json: Json = False,
) -> None:
    """Take a grant (or with --deny a refusal) back. It is gone for the next query."""
    with opened(context) as runtime:
        from acl.acls import revoke as remove
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        whom = Principal.parse(principal)
        with runtime.database.write(tenant) as session:
            changed = remove(session, tenant, acl, _effect(deny=deny), whom)
        _say(
            f"no {_effect(deny=deny)} of {whom} on {acl} any more", changed=changed, as_json=as_json
        )
        _warn_if_managed(runtime, tenant, acl)


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


@app.command("add-member")
def add_member(
    context: typer.Context, group: Group, member: Member, tenant: Tenant, as_json: Json = False
) -> None:
    """Put somebody into a group. Both become known if they were not."""
    with opened(context) as runtime:
        from acl.directory import add_member as add
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        into, who = Principal.parse(group), Principal.parse(member)
        with runtime.database.write(tenant) as session:
            changed = add(session, tenant, into, who, now=runtime.clock())
        _say(f"{who} is a member of {into}", changed=changed, as_json=as_json)


@app.command("remove-member")
def remove_member(
    context: typer.Context, group: Group, member: Member, tenant: Tenant, as_json: Json = False
) -> None:
    """Take somebody out of a group. It holds for the next query."""
    with opened(context) as runtime:
        from acl.directory import remove_member as remove
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        out_of, who = Principal.parse(group), Principal.parse(member)
        with runtime.database.write(tenant) as session:
            changed = remove(session, tenant, out_of, who)
        _say(f"{who} is no member of {out_of}", changed=changed, as_json=as_json)


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


def _effect(*, deny: bool) -> Effect:
    from acl.entries import Effect as Kind

    return Kind.DENY if deny else Kind.ALLOW


def _say(done: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        show_json({"changed": changed})
    else:
        console().print(printable(f"{done}{'' if changed else ' (nothing to change)'}"))


def _warn_if_managed(runtime: Runtime, tenant: str, acl: str) -> None:
    from acl.acls import acl_by_name

    with runtime.database.read(tenant) as session:
        source = acl_by_name(session, tenant, acl).managed_by
    if source is not None:
        errors().print(
            printable(
                f"note: source {source} keeps this ACL, so its next run restores what its "
                ".acl.yaml files and --allow say; change those to change it for good"
            ),
            style="yellow",
            soft_wrap=True,
        )
