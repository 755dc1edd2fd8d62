"""``clearance erase``: forget documents for good, and have it certified."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrieval.cli.exits import CommandError, Exit, reported
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, counted, hint, show_json, table
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from ingestion.erasure.certificate import Certificate
    from ingestion.erasure.plan import Plan, Subject

CERTIFICATE: Final = "clearance-erasure+jws"
_SHOWN: Final = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(erase)


def erase(
    context: typer.Context,
    tenant: Tenant,
    document: Annotated[
        str | None, typer.Option(help="One document, by its id or its name.", metavar="ID")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Every document of a source.", metavar="NAME")
    ] = None,
    term: Annotated[
        str | None,
        typer.Option(
            help="Every document that says this, in its title, name, address or any stored "
            "version, in any case.",
            metavar="TEXT",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Finish every erasure that was interrupted before it had its certificate.",
        ),
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only list what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Erase documents with every version, vector and signature, and sign a certificate.

    Comments on them go too, and by --term those that say it. What was erased is looked for
    afterwards: by id and by vector in the index, by bytes in the files of the catalogue and of the
    comments. The certificate says what is not covered, such as backups. A source that still lists
    a document brings it back: remove it there first. An erasure that was interrupted is finished
    by asking for the same again, or by --resume. Exit code 3 if something was still found.
    """
    with reported():
        if resume and (plan or any(one is not None for one in (document, source, term))):
            raise CommandError("--resume finishes what was asked for before: give nothing else")
        subject = None if resume else _subject(document, source, term)
    with opened(context) as runtime:
        from ingestion.erasure.begun import unfinished
        from ingestion.erasure.certificate import erase as erase_now
        from ingestion.erasure.plan import plan_erasure, plan_unfinished
        from retrieval.comments import FeedbackComments

        require_tenant(runtime, tenant)
        work, comments = runtime.ingest_context(), FeedbackComments(runtime.audit_database)
        if subject is None:
            plans = plan_unfinished(work, tenant, comments=comments)
        else:
            plans = [plan_erasure(work, tenant, subject, comments=comments)]
            if plan:
                _show_plan(plans[0], as_json=as_json)
                return
            if not yes:
                if as_json:
                    raise CommandError("--json does not ask: look at --plan first, then give --yes")
                _show_plan(plans[0], as_json=False)
                typer.confirm("Erase them for good?", abort=True)
        signer = runtime.signer
        certificates = [
            erase_now(
                work,
                doomed,
                comments=comments,
                by=operator(),
                sign=lambda claims: signer.sign(claims, typ=CERTIFICATE),
            )
            for doomed in plans
        ]
        with runtime.database.read(tenant) as session:
            left = len(unfinished(session, tenant))
    if resume:
        _show_resumed(certificates, as_json=as_json)
    else:
        _show_certificate(certificates[0], as_json=as_json)
    if left:
        hint(
            f"{counted(left, 'other erasure')} without a certificate: "
            f"clearance erase --tenant {tenant} --resume"
        )
    raise typer.Exit(Exit.OK if all(one.clean for one in certificates) else Exit.PARTIAL)


def _subject(document: str | None, source: str | None, term: str | None) -> Subject:
    from ingestion.erasure.plan import By
    from ingestion.erasure.plan import Subject as Named

    given = [
        Named(by, name)
        for by, name in ((By.DOCUMENT, document), (By.SOURCE, source), (By.TERM, term))
        if name is not None
    ]
    if len(given) != 1:
        raise CommandError("say what to erase: --document, --source or --term, one of them")
    return given[0]


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "documents": [asdict(document) for document in plan.documents],
                "comments": len(plan.begun.remarks),
                "resumed": plan.resumed,
            }
        )
        return
    rows = [
        (one.source, one.external_id, one.title, one.versions, one.places, one.deleted)
        for one in plan.documents[:_SHOWN]
    ]
    columns = ("source", "name", "title", "versions", "places", "deleted")
    console().print(table(columns, rows, right="versions,places"))
    hidden = len(plan.documents) - len(rows)
    console().print(
        f"{counted(len(plan.documents), 'document')} would be erased"
        + (f", {hidden:,} of them not shown here (see --json)" if hidden else "")
        + (f", and {counted(len(plan.begun.remarks), 'comment')}" if plan.begun.remarks else "")
    )
    if plan.resumed:
        hint("an erasure of the same was interrupted: this one finishes it, and certifies both")


def _show_resumed(certificates: list[Certificate], *, as_json: bool) -> None:
    if as_json:
        show_json({"certificates": [one.to_dict() for one in certificates]})
        return
    if not certificates:
        console().print("no erasure was interrupted")
    for certificate in certificates:
        _show_certificate(certificate, as_json=False)


def _show_certificate(certificate: Certificate, *, as_json: bool) -> None:
    if as_json:
        show_json(certificate.to_dict())
        return
    console().print(
        f"{counted(certificate.documents, 'document')} and "
        f"{counted(certificate.comments, 'comment')} erased, certificate {certificate.id}",
        style="green" if certificate.clean else "yellow",
    )
    rows = [(one.kind.value, one.sought, one.found, one.detail) for one in certificate.probes]
    console().print(
        table(("looked for by", "sought", "found", "where"), rows, right="sought,found")
    )
    for line in certificate.left_out:
        console().print(f"not covered: {line}")
    if not certificate.clean:
        hint("something was still found: ask again when nobody reads, or see 'clearance doctor'")
