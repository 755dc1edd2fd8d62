"""Exit codes, and the one place where an error becomes one line and a code.

No traceback reaches a user; ``CLEARANCE_DEBUG=1`` shows it to a developer.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import typer

from acl.errors import AclError
from ingestion.errors import IngestionError
from retrieval.cli.output import errors, printable
from verifier.errors import VerifierError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError

DEBUG: Final = "CLEARANCE_DEBUG"


class Exit(IntEnum):
    """What the command's exit code means."""

    OK = 0
    ERROR = 2
    PARTIAL = 3
    STALE = 4
    BROKEN = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """A command was asked for something it cannot do; the message says the remedy."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn any error into ``error: …`` on standard error and exit code 2."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        errors().print("interrupted; what was acknowledged is kept", style="yellow")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader went away (`| head`); what it read was right, so this is no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.OK) from None
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        errors().print(f"error: {printable(wording(error))}", style="red", soft_wrap=True)
        raise typer.Exit(Exit.ERROR) from None


def wording(error: Exception) -> str:
    """What to tell a user about ``error``: our own words for our own errors."""
    # Imported here: on the way to an error they are loaded already, and otherwise not needed.
    from pydantic import ValidationError
    from sqlalchemy.exc import OperationalError, SQLAlchemyError

    from ingestion.run.faults import catalog_error

    match error:
        case CommandError() | AclError() | IngestionError() | VerifierError():
            return str(error)
        case ValidationError():
            return _invalid(error)
        case OperationalError():
            return str(catalog_error(error))
        case SQLAlchemyError():
            cause = getattr(error, "orig", None) or type(error).__name__
            return f"the catalogue does not answer ({cause}): see 'clearance doctor'"
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}"
        case _:
            return f"unexpected {type(error).__name__}: {error} (set {DEBUG}=1 to see where)"


def _invalid(error: ValidationError) -> str:
    """A refused setting or argument: the field, and the reason."""
    parts = []
    for entry in error.errors(include_url=False):
        field = ".".join(str(part) for part in entry["loc"])
        if error.title == "Settings":
            setting, dot, within = field.partition(".")
            field = f"CLEARANCE_{setting.upper()}{dot}{within}"
        parts.append(f"{field}: {entry['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
