"""``clearance acl explain``: why somebody sees something, or why not, as a tree."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, show_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from acl.admin.changes import Change
    from acl.caller import Caller

_FORMS: Final = (
    "'add-member GROUP MEMBER', 'remove-member GROUP MEMBER', 'grant ACL PRINCIPAL', "
    "'deny ACL PRINCIPAL', 'revoke ACL PRINCIPAL', 'revoke-deny ACL PRINCIPAL', "
    "'enable PRINCIPAL' or 'disable PRINCIPAL'"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    context: typer.Context,
    principal: Annotated[str, typer.Argument(help="user:ID or service:ID.", metavar="PRINCIPAL")],
    tenant: Tenant,
    document: Annotated[
        str | None,
        typer.Argument(help="A document: its id, or SOURCE/PATH.", metavar="[DOCUMENT]"),
    ] = None,
    acl: Annotated[
        str | None, typer.Option("--acl", help="An ACL instead of a document.", metavar="NAME")
    ] = None,
    actor: Annotated[
        list[str] | None,
        typer.Option("--actor", help="An agent that acts for them. Repeat.", metavar="PRINCIPAL"),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="The purpose their token would be for.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="A change to try and take back, such as 'grant ACL group:staff'. Repeat.",
            metavar="CHANGE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain why somebody sees a document (or an ACL), or why not."""
    with opened(context) as runtime:
        from retrieval.cli.explain_view import print_explained
        from retrieval.explained import About, explained

        require_tenant(runtime, tenant)
        if (acl is None) == (document is None):
            raise CommandError("give a DOCUMENT, or an ACL with --acl, and not both")
        said = explained(
            runtime,
            _caller(tenant, principal, actor or [], purpose),
            About(acl, document),
            changes=[parse_change(text) for text in changes or ()],
        )
        if as_json:
            show_json(said.to_dict())
        else:
            print_explained(console(), said, changes or ())


def _caller(tenant: str, principal: str, actors: list[str], purpose: str | None) -> Caller:
    from acl.caller import Caller as Asking
    from acl.caller import Narrowing
    from acl.principal import Principal

    return Asking(
        tenant,
        Principal.parse(principal),
        tuple(Principal.parse(actor) for actor in actors),
        narrowing=Narrowing(purpose=purpose),
    )


def parse_change(text: str) -> Change:
    """A change as written after ``--with``.

    Raises:
        CommandError: it is not written like one.
    """
    from acl.admin.changes import AddMember, Grant, RemoveMember, Revoke, SetPrincipal
    from acl.entries import AclEntry, Effect
    from acl.principal import Principal

    parse = Principal.parse
    known: dict[tuple[str, int], Callable[..., Change]] = {
        ("add-member", 2): lambda group, member: AddMember(parse(group), parse(member)),
        ("remove-member", 2): lambda group, member: RemoveMember(parse(group), parse(member)),
        ("grant", 2): lambda acl, who: Grant(acl, AclEntry(Effect.ALLOW, parse(who))),
        ("deny", 2): lambda acl, who: Grant(acl, AclEntry(Effect.DENY, parse(who))),
        ("revoke", 2): lambda acl, who: Revoke(acl, Effect.ALLOW, parse(who)),
        ("revoke-deny", 2): lambda acl, who: Revoke(acl, Effect.DENY, parse(who)),
        ("enable", 1): lambda who: SetPrincipal(parse(who), True),
        ("disable", 1): lambda who: SetPrincipal(parse(who), False),
    }
    try:
        verb, *rest = shlex.split(text)
    except ValueError:
        verb, rest = "", []
    make = known.get((verb, len(rest)))
    if make is None:
        raise CommandError(f"--with {text!r}: write {_FORMS}")
    return make(*rest)
