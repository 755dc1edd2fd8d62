"""``clearance verify``: check a draft against its evidence, as somebody, on this machine."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.opening import caller_of, opened, require_tenant
from retrieval.cli.options import Actor, As, Json, Tenant
from retrieval.cli.output import console, one_line, printable

if TYPE_CHECKING:
    from retrieval.verify import VerifyResponse
    from retrieval.verify_request import VerifyRequest

_COLOURS: Final = {"supported": "green", "contradicted": "red", "not_enough": "yellow"}
_MAX_BYTES: Final = 4_000_000  # far beyond what the limits of a request let through


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="The draft as text, or claims as JSON (see docs/verifier.md); - for standard "
            "input.",
            metavar="FILE",
        ),
    ],
    tenant: Tenant,
    as_: As,
    actor: Actor = None,
    receipt: Annotated[
        str | None,
        typer.Option(
            help="FILE is a draft, and its markers such as [e1] are of the answer with this "
            "receipt id.",
            metavar="ID",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check whether the cited evidence supports the claims of a draft, and has its quotes.

    You act as the operator of the data directory, as with 'query'. Exit code 3 if a claim is not
    supported.
    """
    with opened(context) as runtime:
        from acl.caller import ApiScope
        from retrieval.verify import verify_claims

        request = _request(_read(file), receipt)
        caller = caller_of(tenant, as_, actor, ApiScope.VERIFY)
        require_tenant(runtime, tenant)
        found = verify_claims(runtime, caller, request, request_id=secrets.token_hex(16))
        if as_json:
            typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
        else:
            _print(request, found)
    if any(claim.verdict != "supported" for claim in found.claims):
        raise typer.Exit(Exit.PARTIAL)


def _read(file: Path) -> str:
    stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    with stream:
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise CommandError(f"{file}: more than {_MAX_BYTES:,} bytes; check it in parts")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: byte {error.start} is not UTF-8; save it as UTF-8") from None


def _request(text: str, receipt: str | None) -> VerifyRequest:
    """The request that a file holds.

    Raises:
        pydantic.ValidationError: it is none; the message names the field.
    """
    from retrieval.verify_request import VerifyRequest

    if receipt is None:
        return VerifyRequest.model_validate_json(text)
    return VerifyRequest.model_validate({"answer": {"text": text, "receipt_id": receipt}})


def _print(request: VerifyRequest, found: VerifyResponse) -> None:
    from retrieval.verify_request import assertions

    screen = console()
    for asked, claim in zip(assertions(request), found.claims, strict=True):
        screen.print(
            Text.assemble(
                (f"{claim.verdict.replace('_', ' '):<13} ", f"bold {_COLOURS[claim.verdict]}"),
                one_line(asked.text),
            ),
            soft_wrap=True,
        )
        told = [*(reason.replace("_", " ") for reason in claim.reasons)]
        if claim.differs_in:
            told.append(f"differs in {', '.join(claim.differs_in)}")
        results = ", ".join(one.result.replace("_", " ") for one in claim.citations)
        told.append(f"citations: {results or 'none'}")
        screen.print(printable(f"              {'; '.join(told)}"), style="dim", soft_wrap=True)
    screen.print(
        f"\ncitation recall {_share(found.citation_recall)}, "
        f"precision {_share(found.citation_precision)}   ({found.model})",
        style="dim",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
