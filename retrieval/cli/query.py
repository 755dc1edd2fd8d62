"""``clearance query``: ask as somebody, on this machine."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.answers import print_answer
from retrieval.cli.durations import parse_past
from retrieval.cli.opening import caller_of, opened, require_tenant
from retrieval.cli.options import Actor, As, Json, Tenant
from retrieval.cli.output import console, hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.caller import Caller
    from retrieval.filters import Filters
    from retrieval.query import RetrieveRequest
    from retrieval.runtime import Runtime


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(query)


def query(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The question.", metavar="TEXT")],
    tenant: Tenant,
    as_: As,
    actor: Actor = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most this many.")] = 8,
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source. Repeat.", metavar="NAME")
    ] = None,
    document: Annotated[
        list[str] | None, typer.Option(help="Only this document, by its id. Repeat.", metavar="ID")
    ] = None,
    media_type: Annotated[
        list[str] | None,
        typer.Option(help="Only documents of this type, such as text/markdown. Repeat."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only documents with this tag. Repeat.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(help="Only documents that say they are in this language. Repeat."),
    ] = None,
    modified_since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_past,
            help="Only documents modified at this moment or later: 30d ago, or a date.",
            metavar="MOMENT",
        ),
    ] = None,
    modified_before: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_past,
            help="Only documents modified before this moment.",
            metavar="MOMENT",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a question as somebody, and see what they would get.

    You act as the operator of the data directory: whoever can read it may ask as anyone. For
    agents and applications use 'serve' or 'mcp', where a key says who asks.
    """
    with opened(context) as runtime:
        runtime.warm_meanwhile()
        from acl.caller import ApiScope
        from retrieval.pipeline import retrieve
        from retrieval.query import Include, RetrieveRequest

        caller = caller_of(tenant, as_, actor, ApiScope.RETRIEVE)
        request = RetrieveRequest(
            query=text,
            limit=limit,
            sources=source,
            filters=filters_of(
                modified_since,
                modified_before,
                document_id=document,
                media_type=media_type,
                tags=tag,
                language=language,
            ),
            include=frozenset({Include.SCORES, Include.TIMINGS}) if as_json else frozenset(),
        )
        require_tenant(runtime, tenant)
        answer = retrieve(runtime, caller, request, request_id=secrets.token_hex(16))
        if as_json:
            typer.echo(answer.model_dump_json(indent=2, ensure_ascii=True))
        else:
            print_answer(console(), answer)
        if not answer.evidence:
            for suggestion in suggestions(runtime, caller, request):
                hint(suggestion)


def filters_of(
    since: datetime | None, before: datetime | None, **lists: list[str] | None
) -> Filters | None:
    """The filter that the options ask for, with fields that are lists by name; None without any.

    Raises:
        pydantic.ValidationError: a value is malformed; the message names the field.
    """
    from retrieval.filters import Filters, Period

    dated = since is not None or before is not None
    given: dict[str, object] = {field: values for field, values in lists.items() if values}
    if dated:
        given["modified_at"] = Period(since=since, before=before)
    return Filters.model_validate(given) if given else None


def suggestions(runtime: Runtime, caller: Caller, request: RetrieveRequest) -> Sequence[str]:
    """What an operator may have overlooked when nothing was found. Never shown to callers."""
    from sqlalchemy import select

    from acl.models import MembershipRow, PrincipalRow
    from ingestion.models import SourceRow

    tenant, found = caller.tenant, []
    with runtime.database.read(tenant) as session:
        for principal in (caller.subject, *caller.actors):
            row = session.get(PrincipalRow, (tenant, str(principal)))
            if row is None:
                found.append(
                    f"{principal} is unknown in tenant {tenant}, so sees nothing: clearance acl "
                    f"add-member group:NAME {principal} --tenant {tenant}"
                )
            elif not row.enabled:
                found.append(f"{principal} is disabled, so sees nothing")
            elif not session.scalar(
                select(MembershipRow.grp).where(MembershipRow.member == str(principal)).limit(1)
            ):
                found.append(f"{principal} is in no group: clearance acl list --tenant {tenant}")
        known = set(session.scalars(select(SourceRow.name)))
    if not known:
        found.append(f"nothing was ingested yet: clearance ingest FOLDER --tenant {tenant}")
    found.extend(
        f"there is no source {name!r} in tenant {tenant}; there are: {', '.join(sorted(known))}"
        for name in request.sources or ()
        if name not in known
    )
    return found
