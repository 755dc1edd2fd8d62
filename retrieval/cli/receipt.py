"""``clearance receipt``: what was shown to whom, checked, made again and followed up."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.exits import CommandError, Exit, reported
from retrieval.cli.opening import opened, require_tenant, settings_of, tenants
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, errors, hint, printable, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retrieval.receipt_file import CheckedSpan
    from retrieval.receipt_statement import Statement

app = typer.Typer(
    help=(
        "Receipts: check them offline, make their evidence again, see who was shown a document.\n\n"
        "Exit codes: 0 good, 2 error, 3 the evidence cannot be made again in full, 5 changed."
    ),
    no_args_is_help=True,
)

File = Annotated[
    Path,
    typer.Argument(help="A receipt as signed; - for standard input.", metavar="FILE"),
]


@app.command()
def verify(
    context: typer.Context,
    file: File,
    jwks: Annotated[
        Path | None,
        typer.Option(
            help="The public keys to trust (GET /.well-known/jwks.json, or 'receipt keys'). "
            "Default: those in the data directory.",
            metavar="FILE",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            help="An original document: check that the cited passages stand in it.", metavar="FILE"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check offline that every byte of a receipt is as signed. No catalogue is needed.

    With --source, the document must be one that the receipt cites, to the byte, and is read again
    with this version's parser to compare each cited passage. Exit code 5 if anything differs.
    """
    from retrieval.cli.receipt_view import print_statement
    from retrieval.receipt_file import Span, check_source, read_file

    with reported():
        keys = _keys(context, jwks)
        raw, document = _read(file), None if source is None else _read(source)
        spans: list[CheckedSpan] | None = None
        with _holds(as_json=as_json):
            statement = read_file(raw, keys)
            if source is not None and document is not None:
                spans = check_source(statement, document, name=source.name)
        differs = any(one.span is Span.DIFFERENT for one in spans or ())
        if as_json:
            show_json(_verdict(statement, spans, good=not differs))
        else:
            print_statement(console(), statement, spans)
        raise typer.Exit(Exit.BROKEN if differs else Exit.OK)


@app.command()
def show(
    context: typer.Context,
    receipt_id: Annotated[str, typer.Argument(help="Its id.", metavar="RECEIPT")],
    tenant: Tenant,
) -> None:
    """Print a receipt as signed, alone on standard output, so that it can be kept in a file."""
    with opened(context) as runtime:
        from retrieval.receipt_store import find_any

        require_tenant(runtime, tenant)
        sys.stdout.write(f"{find_any(runtime, tenant, receipt_id)}\n")


@app.command()
def replay(
    context: typer.Context,
    file: File,
    text: Annotated[bool, typer.Option("--text", help="Show the evidence too.")] = False,
    as_json: Json = False,
) -> None:
    """Make the evidence of a receipt again from what was cited, or say what has changed since.

    Exit code 3 if a piece cannot be made again because of a later change, and 5 if the receipt or
    what is stored was tampered with.
    """
    from retrieval.cli.receipt_view import print_replay
    from retrieval.receipt_file import read_file
    from retrieval.receipt_replay import TAMPERED, Outcome
    from retrieval.receipt_replay import replay as made_again

    with opened(context) as runtime:
        with _holds(as_json=as_json):
            statement = read_file(_read(file), runtime.signer.jwks())
        require_tenant(runtime, statement.tenant)
        found = made_again(runtime, statement)
    shown = found if text else found.without_text()
    if as_json:
        show_json(shown.model_dump(mode="json"))
    else:
        print_replay(console(), statement, shown)
    if any(change in TAMPERED for one in found.citations for change in one.changes):
        raise typer.Exit(Exit.BROKEN)
    raise typer.Exit(Exit.OK if found.outcome is Outcome.REPRODUCED else Exit.PARTIAL)


@app.command()
def exposure(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="Its id, as cited.", metavar="DOCUMENT")],
    tenant: Tenant,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Receipts at most.", min=1)] = 100,
    as_json: Json = False,
) -> None:
    """Show who was shown a document, when, what of it, and whom a correction concerns."""
    with opened(context) as runtime:
        from retrieval.cli.receipt_view import print_exposure
        from retrieval.exposure import exposure as exposed

        require_tenant(runtime, tenant)
        found = exposed(runtime, tenant, document, request_id="cli", limit=limit)
        if as_json:
            show_json(found.model_dump(mode="json", exclude={"request_id"}))
        else:
            print_exposure(console(), found)
            if found.next is not None:
                hint(f"there are more: --limit {limit * 10}")


@app.command()
def keys(context: typer.Context) -> None:
    """Print the public keys that verify this installation's receipts, as a JWK set."""
    with reported():
        from acl.signing import Signer

        show_json(Signer.open(settings_of(context).signing_path).jwks())


@app.command("rotate-key")
def rotate_key(context: typer.Context, as_json: Json = False) -> None:
    """Sign with a new key from now on. Earlier receipts stay good: their public key is kept.

    A running service takes the new key with its next receipt; no restart is needed.
    """
    with opened(context) as runtime:
        from acl.audit.events import EventKind, administered
        from retrieval.cli.who import operator

        before = runtime.signer.kid
        with runtime.database.unguarded("the key signs for every tenant", writable=True) as session:
            kid = runtime.signer.rotate()
            for tenant in tenants(runtime):
                administered(
                    session,
                    tenant,
                    operator(),
                    EventKind.RECEIPT_KEY_ROTATE,
                    {"key": kid, "replaces": before},
                    now=runtime.clock(),
                )
        if as_json:
            show_json({"key": kid, "replaces": before})
        else:
            console().print(printable(f"signing with {kid}, no longer with {before}"))
            errors().print(
                "whoever verifies offline needs the new public key: clearance receipt keys",
                style="dim",
            )


@contextmanager
def _holds(*, as_json: bool) -> Iterator[None]:
    """Say so, and end with the code for it, if what is read within does not hold."""
    from acl.errors import SignatureError
    from retrieval.cli.receipt_view import print_broken

    try:
        yield
    except SignatureError as error:
        print_broken(str(error), as_json=as_json)
        raise typer.Exit(Exit.BROKEN) from None


def _keys(context: typer.Context, jwks: Path | None) -> dict[str, Any]:
    """The keys to trust: as given, or as published in the data directory."""
    from acl.signing import published

    if jwks is None:
        directory = settings_of(context).signing_path
        found: dict[str, Any] = published(directory)
        if not found["keys"]:
            raise CommandError(f"there are no keys in {directory}: give --jwks FILE")
        return found
    try:
        found = json.loads(_read(jwks))
    except ValueError as error:
        raise CommandError(f"--jwks {jwks}: not JSON; save GET /.well-known/jwks.json") from error
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise CommandError(f"--jwks {jwks}: not a JWK set; save GET /.well-known/jwks.json")
    return found


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()


def _verdict(
    statement: Statement, spans: list[CheckedSpan] | None, *, good: bool
) -> dict[str, object]:
    told: dict[str, object] = {"good": good, "receipt": statement.payload()}
    if spans is not None:
        told["source"] = [{"evidence": one.evidence, "passage": one.span.value} for one in spans]
    return told
