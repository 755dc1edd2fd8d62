"""The ``acl`` commands that change one thing: audited, and in force for the next query."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Expires, Json, Tenant
from retrieval.cli.output import console, errors, printable, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acl.admin.administration import Administration
    from acl.entries import Effect
    from retrieval.runtime import Runtime

AclName = Annotated[str, typer.Argument(help="The ACL, by name.", metavar="ACL")]
PrincipalText = Annotated[
    str,
    typer.Argument(help="user:ID, group:ID, service:ID or everyone.", metavar="PRINCIPAL"),
]
Group = Annotated[str, typer.Argument(help="group:ID", metavar="GROUP")]
Member = Annotated[str, typer.Argument(help="user:ID, group:ID or service:ID", metavar="MEMBER")]
Deny = Annotated[bool, typer.Option("--deny", help="A refusal; it wins over every grant.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(grant)
    app.command()(revoke)
    app.command("add-member")(add_member)
    app.command("remove-member")(remove_member)
    app.command()(enable)
    app.command()(disable)


@contextmanager
def administering(runtime: Runtime, tenant: str) -> Iterator[Administration]:
    """One transaction of changes by whoever sits here."""
    from acl.admin import administration
    from retrieval.cli.who import operator

    with administration.administering(
        runtime.database,
        tenant,
        administration.Administrator(operator()),
        secret=runtime.secret,
        now=runtime.clock(),
    ) as made:
        yield made


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
        from acl.entries import AclEntry
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        entry = AclEntry(_effect(deny=deny), Principal.parse(principal), expires)
        with administering(runtime, tenant) as administration:
            state, changed = administration.grant(acl, entry)
        _say(f"{entry.effect} {entry.principal} on {acl}", changed=changed, as_json=as_json)
        _warn_if_kept(state.managed_by)


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
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        whom, effect = Principal.parse(principal), _effect(deny=deny)
        with administering(runtime, tenant) as administration:
            state, changed = administration.revoke(acl, effect, whom)
        _say(f"no {effect} of {whom} on {acl} any more", changed=changed, as_json=as_json)
        _warn_if_kept(state.managed_by)


def add_member(
    context: typer.Context, group: Group, member: Member, tenant: Tenant, as_json: Json = False
) -> None:
    """Put somebody into a group. Both become known if they were not."""
    with opened(context) as runtime:
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        into, who = Principal.parse(group), Principal.parse(member)
        with administering(runtime, tenant) as administration:
            _, changed = administration.add_member(into, who)
        _say(f"{who} is a member of {into}", changed=changed, as_json=as_json)


def remove_member(
    context: typer.Context, group: Group, member: Member, tenant: Tenant, as_json: Json = False
) -> None:
    """Take somebody out of a group. It holds for the next query."""
    with opened(context) as runtime:
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        out_of, who = Principal.parse(group), Principal.parse(member)
        with administering(runtime, tenant) as administration:
            changed = administration.remove_member(out_of, who)
        _say(f"{who} is no member of {out_of}", changed=changed, as_json=as_json)


def enable(
    context: typer.Context, principal: PrincipalText, tenant: Tenant, as_json: Json = False
) -> None:
    """Switch a principal on again."""
    _switch(context, principal, tenant, enabled=True, as_json=as_json)


def disable(
    context: typer.Context, principal: PrincipalText, tenant: Tenant, as_json: Json = False
) -> None:
    """Switch a principal off: a person sees nothing, a group admits nobody.

    No directory's synchronisation switches it on again; 'enable' does.
    """
    _switch(context, principal, tenant, enabled=False, as_json=as_json)


def _switch(
    context: typer.Context, principal: str, tenant: str, *, enabled: bool, as_json: bool
) -> None:
    with opened(context) as runtime:
        from acl.admin.state import principal_state
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        who = Principal.parse(principal)
        with administering(runtime, tenant) as administration:
            principal_state(administration.session, tenant, who)  # one mistyped is refused
            _, changed = administration.put_principal(who, enabled=enabled)
        _say(f"{who} is switched {'on' if enabled else 'off'}", changed=changed, as_json=as_json)


def _effect(*, deny: bool) -> Effect:
    from acl.entries import Effect as Kind

    return Kind.DENY if deny else Kind.ALLOW


def _say(done: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        show_json({"changed": changed})
    else:
        console().print(printable(f"{done}{'' if changed else ' (nothing to change)'}"))


def _warn_if_kept(source: str | None) -> None:
    if source is not None:
        errors().print(
            printable(
                f"note: source {source} keeps this ACL, so its next run restores what its "
                ".acl.yaml files and --allow say; change those to change it for good"
            ),
            style="yellow",
            soft_wrap=True,
        )
