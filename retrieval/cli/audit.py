"""``clearance audit``: what happened, and whether anybody changed the record of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acl.audit.kinds import EventKind, Format, Stream
from retrieval.cli.durations import parse_past
from retrieval.cli.exits import CommandError, Exit, reported
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import AnyTenant, Json, Tenant
from retrieval.cli.output import (
    console,
    counted,
    errors,
    hint,
    one_line,
    printable,
    show_json,
    table,
)
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.audit.verify import Verdict
    from retrieval.audit_log import Told

app = typer.Typer(
    help=(
        "What happened, and whether anybody changed the record of it.\n\n"
        "Each tenant has two chains: 'access' (queries, evidence served, denials) and "
        "'administration'. Keep checkpoints away from this machine: they catch whoever can "
        "rewrite all that is on it."
    ),
    no_args_is_help=True,
)

StreamOption = Annotated[Stream, typer.Option(help="Which of the tenant's chains.")]
Checkpoints = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint",
        help="Signed checkpoints kept elsewhere, one on a line. Repeat.",
        exists=True,
        metavar="FILE",
        dir_okay=False,
    ),
]
Jwks = Annotated[
    Path | None,
    typer.Option(
        "--jwks",
        help="The public keys to trust ('clearance receipt keys'); default: this installation's.",
        dir_okay=False,
        exists=True,
        metavar="FILE",
    ),
]
_PAST = "A duration before now such as 30d, or a date such as 2026-01-31."


@app.command()
def verify(
    context: typer.Context,
    tenant: AnyTenant = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Verify an export instead; needs --jwks and no installation.",
            exists=True,
            metavar="FILE",
            dir_okay=False,
        ),
    ] = None,
    checkpoint: Checkpoints = None,
    jwks: Jwks = None,
    as_json: Json = False,
) -> None:
    """Find a changed, removed, reordered or truncated row. Exit code 5 if there is one."""
    kept = _lines_of(checkpoint)
    if file is not None:
        with reported():
            if jwks is None:
                raise CommandError("--file needs --jwks: the keys that signed its checkpoints")
            verdicts = [_verify_file(file, _read_keys(jwks), kept)]
    else:
        with opened(context) as runtime:
            from retrieval.audit_upkeep import keys_here, verify_chains

            if tenant is not None:
                require_tenant(runtime, tenant)
            trusted = keys_here(runtime) if jwks is None else _read_keys(jwks)
            verdicts = list(verify_chains(runtime, tenant, jwks=trusted, checkpoints=kept))
    _show_verdicts(verdicts, as_json=as_json)
    raise typer.Exit(Exit.OK if all(found.intact for found in verdicts) else Exit.BROKEN)


@app.command()
def checkpoint(
    context: typer.Context,
    tenant: AnyTenant = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Append them to this file, on another machine at best.", dir_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign where each chain stands, and print the statements, one on a line."""
    with opened(context) as runtime:
        from retrieval.audit_upkeep import checkpoint as sign
        from retrieval.cli.opening import tenants

        if tenant is not None:
            require_tenant(runtime, tenant)
        names = tenants(runtime) if tenant is None else [tenant]
        signed = [
            {"tenant": name, "stream": stream.value, "checkpoint": jws}
            for name in names
            for stream in Stream
            if (jws := sign(runtime, name, stream)) is not None
        ]
        lines = "".join(f"{one['checkpoint']}\n" for one in signed)
        if out is not None:
            with out.open("a", encoding="ascii") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        if as_json:
            show_json(signed)
        elif out is None:
            console().print(lines, end="", soft_wrap=True)
        else:
            console().print(
                f"{counted(len(signed), 'checkpoint')} appended to {printable(str(out))}"
            )


@app.command()
def prune(
    context: typer.Context,
    tenant: Tenant,
    before: Annotated[
        datetime,
        typer.Option(parser=parse_past, metavar="WHEN", help=f"What is older goes. {_PAST}"),
    ],
    stream: StreamOption = Stream.ACCESS,
    checkpoint: Checkpoints = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove old rows, and the receipts of that time; what is kept can still be verified.

    The whole chain is verified first: nothing is removed from a broken one (exit code 5).
    """
    kept = _lines_of(checkpoint)
    with opened(context) as runtime:
        from acl.errors import BrokenChainError
        from retrieval import audit_upkeep as upkeep

        require_tenant(runtime, tenant)
        try:
            cut = upkeep.plan_prune(runtime, tenant, stream, before=before, checkpoints=kept)
            rows = 0 if cut is None else cut.last - cut.first + 1
            if cut is not None and not dry_run:
                rows = upkeep.prune(runtime, cut, actor=operator())
        except BrokenChainError as error:
            errors().print(printable(f"error: {error}"), style="red", soft_wrap=True)
            raise typer.Exit(Exit.BROKEN) from error
        if as_json:
            kept_from = None if cut is None else cut.last + 1
            show_json({"removed": 0 if dry_run else rows, "older": rows, "kept_from": kept_from})
        else:
            what = f"{counted(rows, 'row')} of {printable(tenant)}/{stream} {_age(rows)}"
            console().print(
                f"{what} older: {'nothing removed' if dry_run or not rows else 'removed'}"
            )


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.", dir_okay=False)],
    tenant: Tenant,
    stream: StreamOption = Stream.ACCESS,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Default: by the ending of FILE, else jsonl.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a chain to a file that can be verified anywhere. Parquet needs the extra 'parquet'."""
    with opened(context) as runtime:
        from retrieval import audit_upkeep as upkeep

        require_tenant(runtime, tenant)
        chosen = format_ or (Format.PARQUET if file.suffix == ".parquet" else Format.JSONL)
        rows = upkeep.export(runtime, tenant, stream, file, chosen)
        if as_json:
            show_json({"file": str(file), "format": chosen.value, "rows": rows})
        else:
            console().print(f"{counted(rows, 'row')} written to {printable(str(file))}")
            hint(f"clearance audit verify --file {file} --jwks KEYS.json")


@app.command("list")
def list_(
    context: typer.Context,
    tenant: Tenant,
    stream: StreamOption = Stream.ACCESS,
    kind: Annotated[EventKind | None, typer.Option(help="Only of this kind.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_past, metavar="WHEN", help=f"From then on. {_PAST}"),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=parse_past, metavar="WHEN", help="Before then.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """List what happened, newest first."""
    with opened(context) as runtime:
        from retrieval.audit_log import Wanted, read_events

        require_tenant(runtime, tenant)
        wanted = Wanted(stream, since, until, kind, limit=limit)
        told, more = read_events(runtime, tenant, wanted)
        if as_json:
            show_json([asdict(event) for event in told])
            return
        console().print(
            table(["seq", "at", "kind", "who", "what"], map(_cells, told), right="seq")
            if told
            else f"nothing of that in {printable(tenant)}/{stream}"
        )
        if more:
            hint("there are older ones: --limit, or --until with the oldest time shown")


def _age(rows: int) -> str:
    return "is" if rows == 1 else "are"


def _lines_of(files: Sequence[Path] | None) -> list[str]:
    """The statements in some files, one on a line."""
    with reported():
        return [
            line for file in files or () for line in file.read_text("utf-8").split("\n") if line
        ]


def _read_keys(path: Path) -> dict[str, Any]:
    try:
        keys = json.loads(path.read_bytes())
    except ValueError as error:
        raise CommandError(f"--jwks {path}: not JSON") from error
    if not isinstance(keys, dict):
        raise CommandError(f"--jwks {path}: not a JWK set")
    return keys


def _verify_file(file: Path, jwks: dict[str, Any], checkpoints: Sequence[str]) -> Verdict:
    from acl.audit import files as audit_files
    from acl.audit.verify import check

    with audit_files.read(file) as chain:
        return check(chain, jwks=jwks, checkpoints=checkpoints)


def _show_verdicts(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "intact": all(found.intact for found in verdicts),
                "chains": [{**asdict(found), "intact": found.intact} for found in verdicts],
            }
        )
        return
    screen = console()
    if not verdicts:
        screen.print("there is no audit yet")
        return
    screen.print(
        table(
            ["tenant", "stream", "rows", "kept from", "signed", "verdict"],
            [
                (
                    found.tenant,
                    found.stream,
                    found.rows,
                    found.kept_from,
                    found.checkpoints,
                    found.fault or "intact",
                )
                for found in verdicts
            ],
            right="rows,kept from,signed",
        )
    )
    for found in verdicts:
        if not found.intact:
            where = f"{found.tenant}/{found.stream}: {found.detail}"
            screen.print(printable(where), style="bold red", soft_wrap=True)


def _cells(event: Told) -> tuple[object, ...]:
    body = event.body if isinstance(event.body, dict) else {"body": event.body}
    who = body.get("actor") or body.get("subject")
    actors = "".join(f" through {actor}" for actor in body.get("actors") or ())
    rest = {k: v for k, v in body.items() if k not in {"subject", "actors", "actor", "via"} and v}
    what = one_line(json.dumps(rest, ensure_ascii=False))[:80]
    return event.seq, f"{event.at:%Y-%m-%d %H:%M:%S}Z", event.kind, f"{who}{actors}", what
