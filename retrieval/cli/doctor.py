"""``clearance doctor``: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import typer
from rich.text import Text

from retrieval.cli.exits import Exit, reported
from retrieval.cli.opening import settings_of
from retrieval.cli.options import Json
from retrieval.cli.output import console, printable, show_json

_MARKS: Final = {True: ("ok  ", "green"), False: ("FAIL", "bold red")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check the installation. Changes nothing; exit code 2 if a check fails."""
    with reported():
        from retrieval.cli.checks import examine

        checks = examine(settings_of(context))
        if as_json:
            show_json([asdict(check) for check in checks])
        else:
            screen = console()
            for check in checks:
                mark = _MARKS[check.passed]
                screen.print(Text.assemble(mark, f"  {check.name:<11}", printable(check.detail)))
                if not check.passed:
                    screen.print(Text(f"      do: {printable(check.remedy)}", style="yellow"))
    raise typer.Exit(Exit.OK if all(check.passed for check in checks) else Exit.ERROR)
