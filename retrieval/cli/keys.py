"""``clearance keys``: bearer tokens of agents and applications."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from acl.caller import ApiScope
from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Expires, Json, Tenant
from retrieval.cli.output import console, errors, hint, printable, show_json, table

if TYPE_CHECKING:
    from acl.models import ApiKeyRow
    from retrieval.runtime import Runtime

app = typer.Typer(help="Keys for agents and applications.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(help="For whom: user:ID or service:ID.", metavar="PRINCIPAL")
    ],
    tenant: Tenant,
    actor: Annotated[
        str | None,
        typer.Option(
            help="The agent that holds the key: only what both may see is found.",
            metavar="PRINCIPAL",
        ),
    ] = None,
    scope: Annotated[
        list[ApiScope] | None, typer.Option(help="What it may be used for. Repeat.")
    ] = None,
    label: Annotated[str, typer.Option(help="A note to recognise it by.")] = "",
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once: only its hash is kept. Default scope: retrieve."""
    with opened(context) as runtime:
        from acl.keys import create_key
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        who = Principal.parse(subject)
        scopes = frozenset(scope or [ApiScope.RETRIEVE])
        with runtime.database.write(tenant) as session:
            made = create_key(
                session,
                tenant,
                who,
                api_scopes=scopes,
                now=runtime.clock(),
                actor=None if actor is None else Principal.parse(actor),
                label=label,
                expires_at=expires,
            )
        if as_json:
            show_json({"key_id": made.key_id, "token": made.token, "scopes": sorted(scopes)})
        else:
            errors().print(
                printable(
                    f"Key {made.key_id} for {who} in {tenant} ({', '.join(sorted(scopes))}). "
                    "The token is not stored: keep it now."
                ),
                soft_wrap=True,
            )
            # Alone on standard output, so that it can be piped into a secret store.
            sys.stdout.write(f"{made.token}\n")
        _warn_if_unknown(runtime, tenant, str(who))


@app.command("list")
def list_(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """List a tenant's keys; tokens cannot be shown again."""
    with opened(context) as runtime:
        from sqlalchemy import select

        from acl.models import ApiKeyRow

        require_tenant(runtime, tenant)
        now = runtime.clock()
        with runtime.database.read(tenant) as session:
            rows = list(session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at)))
            session.expunge_all()
        if as_json:
            show_json([_to_dict(row, now) for row in rows])
            return
        console().print(
            table(
                ["key", "for", "held by", "scopes", "state", "expires", "label"],
                [
                    (
                        row.key_id,
                        row.subject,
                        row.actor,
                        row.api_scopes.replace(" ", ", "),
                        _state(row, now),
                        row.expires_at and f"{row.expires_at:%Y-%m-%d %H:%M}Z",
                        row.label,
                    )
                    for row in rows
                ],
            )
        )


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The key, as listed.", metavar="KEY")],
    tenant: Tenant,
    as_json: Json = False,
) -> None:
    """Refuse a key from the next request on."""
    with opened(context) as runtime:
        from acl.keys import revoke_key

        require_tenant(runtime, tenant)
        if key_id.startswith("clr_"):
            raise CommandError("give the key's id, not the token: see 'clearance keys list'")
        with runtime.database.write(tenant) as session:
            revoke_key(session, tenant, key_id, now=runtime.clock())
        if as_json:
            show_json({"key_id": key_id, "state": "revoked"})
        else:
            console().print(printable(f"key {key_id} is revoked"))


def _to_dict(row: ApiKeyRow, now: datetime) -> dict[str, object]:
    return {
        "key_id": row.key_id,
        "subject": row.subject,
        "actor": row.actor,
        "scopes": row.api_scopes.split(),
        "label": row.label,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at and row.expires_at.isoformat(),
        "state": _state(row, now),
    }


def _state(row: ApiKeyRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and now >= row.expires_at else "good"


def _warn_if_unknown(runtime: Runtime, tenant: str, principal: str) -> None:
    from acl.models import PrincipalRow

    with runtime.database.read(tenant) as session:
        known = session.get(PrincipalRow, (tenant, principal)) is not None
    if not known:
        hint(
            f"{principal} is unknown in tenant {tenant}, so sees nothing yet: "
            f"clearance acl add-member group:NAME {principal} --tenant {tenant}"
        )
