"""``clearance keys``: bearer tokens of agents and applications."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acl.caller import ApiScope
from retrieval.cli.durations import parse_duration, spoken
from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Expires, Json, Tenant
from retrieval.cli.output import console, errors, hint, printable, show_json, table
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from acl.identity.keys import NewKey
    from acl.models import ApiKeyRow
    from retrieval.runtime import Runtime

_COLUMNS = (
    *("key", "for", "held by", "scopes", "narrowed to"),
    *("state", "expires", "used", "label"),
)
KeyId = Annotated[str, typer.Argument(help="The key, as listed.", metavar="KEY")]

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
    source: Annotated[
        list[str] | None,
        typer.Option(help="Narrow it to this source. Repeat.", metavar="SOURCE"),
    ] = None,
    acl: Annotated[
        list[str] | None,
        typer.Option(help="Narrow it to this ACL and those below it. Repeat.", metavar="ACL"),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(help="Narrow it to ACLs that allow this purpose.", metavar="PURPOSE"),
    ] = None,
    label: Annotated[str, typer.Option(help="A note to recognise it by.")] = "",
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once: only its hash is kept. Default scope: retrieve."""
    with opened(context) as runtime:
        from acl.caller import Narrowing
        from acl.identity import key_admin
        from acl.principal import Principal

        require_tenant(runtime, tenant)
        who = Principal.parse(subject)
        scopes = frozenset(scope or [ApiScope.RETRIEVE])
        with runtime.database.write(tenant) as session:
            made = key_admin.make(
                session,
                tenant,
                who,
                issuing=key_admin.Issuing(operator()),
                api_scopes=scopes,
                now=runtime.clock(),
                actor=None if actor is None else Principal.parse(actor),
                label=label,
                expires_at=expires,
                narrowing=Narrowing(
                    frozenset(source) if source else None,
                    frozenset(acl) if acl else None,
                    purpose,
                ),
            )
        if as_json:
            show_json({"key_id": made.key_id, "token": made.token, "scopes": sorted(scopes)})
        else:
            _show_once(made, f"for {who} in {tenant} ({', '.join(sorted(scopes))})")
        _warn_if_unknown(runtime, tenant, str(who))


@app.command()
def rotate(
    context: typer.Context,
    key_id: KeyId,
    tenant: Tenant,
    overlap: Annotated[
        int | None,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="For how long the old key stays good, such as 1h. Default: 1d.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replace a key by a new one with the same rights. The old one ends after the overlap."""
    with opened(context) as runtime:
        from acl.identity import key_admin
        from acl.identity.keys import DEFAULT_OVERLAP

        _require_id(runtime, tenant, key_id)
        ends_in = DEFAULT_OVERLAP if overlap is None else timedelta(seconds=overlap)
        with runtime.database.write(tenant) as session:
            made = key_admin.rotate(
                session,
                tenant,
                key_id,
                issuing=key_admin.Issuing(operator()),
                now=runtime.clock(),
                overlap=ends_in,
            )
        if as_json:
            show_json({"key_id": made.key_id, "token": made.token, "replaces": key_id})
        else:
            _show_once(made, f"replaces {key_id}, which ends in {spoken(ends_in.total_seconds())}")


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
        shown = [_cells(row, now) for row in rows]
        # A column in which no key has anything would take the others' room.
        used = [name for name in _COLUMNS if name == "key" or any(cells[name] for cells in shown)]
        console().print(table(used, [[cells[name] for name in used] for cells in shown]))


@app.command()
def revoke(context: typer.Context, key_id: KeyId, tenant: Tenant, as_json: Json = False) -> None:
    """Refuse a key from the next request on."""
    with opened(context) as runtime:
        from acl.identity import key_admin

        _require_id(runtime, tenant, key_id)
        with runtime.database.write(tenant) as session:
            issuing = key_admin.Issuing(operator())
            key_admin.revoke(session, tenant, key_id, issuing=issuing, now=runtime.clock())
        if as_json:
            show_json({"key_id": key_id, "state": "revoked"})
        else:
            console().print(printable(f"key {key_id} is revoked"))


def _require_id(runtime: Runtime, tenant: str, key_id: str) -> None:
    require_tenant(runtime, tenant)
    if key_id.startswith("clr_"):
        raise CommandError("give the key's id, not the token: see 'clearance keys list'")


def _show_once(made: NewKey, about: str) -> None:
    note = f"Key {made.key_id} {about}. The token is not stored: keep it now."
    errors().print(printable(note), soft_wrap=True)
    # Alone on standard output, so that it can be piped into a secret store.
    sys.stdout.write(f"{made.token}\n")


def _to_dict(row: ApiKeyRow, now: datetime) -> dict[str, object]:
    from acl.identity.keys import state_of

    return {
        "key_id": row.key_id,
        "subject": row.subject,
        "actor": row.actor,
        "scopes": row.api_scopes.split(),
        "narrowing": _narrowing(row),
        "label": row.label,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at and row.expires_at.isoformat(),
        "last_used_at": row.last_used_at and row.last_used_at.isoformat(),
        "replaces": row.replaces,
        "state": state_of(row, now=now),
    }


def _narrowing(row: ApiKeyRow) -> dict[str, Any]:
    """What the key takes away; empty too where the row cannot be understood, as its state says."""
    from acl.errors import AclError
    from acl.identity.keys import narrowing_of
    from acl.identity.narrowing import narrowing_to_json

    try:
        return narrowing_to_json(narrowing_of(row))
    except (AclError, ValueError):
        return {}


def _cells(row: ApiKeyRow, now: datetime) -> dict[str, object]:
    from acl.identity.keys import state_of

    cells = (
        row.key_id,
        row.subject,
        row.actor,
        row.api_scopes.replace(" ", ", "),
        _narrowed(row),
        state_of(row, now=now),
        _minute(row.expires_at),
        _minute(row.last_used_at),
        row.label,
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _narrowed(row: ApiKeyRow) -> str:
    parts = _narrowing(row)
    named = [f"{part} {', '.join(parts[part])}" for part in ("sources", "acls") if part in parts]
    purpose = [f"purpose {parts['purpose']}"] if "purpose" in parts else []
    return "; ".join([*named, *purpose])


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"


def _warn_if_unknown(runtime: Runtime, tenant: str, principal: str) -> None:
    from acl.models import PrincipalRow

    with runtime.database.read(tenant) as session:
        known = session.get(PrincipalRow, (tenant, principal)) is not None
    if not known:
        hint(
            f"{principal} is unknown in tenant {tenant}, so sees nothing yet: "
            f"clearance acl add-member group:NAME {principal} --tenant {tenant}"
        )
