"""Opening the installation a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval.cli.exits import CommandError, reported
from retrieval.cli.output import errors, printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import typer

    from acl.caller import ApiScope, Caller
    from retrieval.runtime import Runtime
    from retrieval.settings import Settings


@dataclass(frozen=True, slots=True)
class Globals:
    """Options that stand before the command."""

    data_dir: Path | None = None


def settings_of(context: typer.Context, **overrides: Any) -> Settings:
    """The settings: options of the command, then ``--data-dir``, then the environment.

    Raises:
        pydantic.ValidationError: a setting is malformed.
    """
    from retrieval.settings import Settings

    given = context.find_object(Globals) or Globals()
    if given.data_dir is not None:
        overrides["data_dir"] = given.data_dir.expanduser()
    return Settings(**{name: value for name, value in overrides.items() if value is not None})


@contextmanager
def opened(context: typer.Context, **overrides: Any) -> Iterator[Runtime]:
    """The runtime, closed afterwards; whatever goes wrong within is reported as one line."""
    with reported():
        from retrieval.runtime import Runtime

        with Runtime.open(
            settings_of(context, **overrides), on_progress=_say_on_standard_error
        ) as runtime:
            yield runtime


def _say_on_standard_error(message: str) -> None:
    errors().print(printable(message), style="dim")


def caller_of(tenant: str, subject: str, actor: str | None, scope: ApiScope) -> Caller:
    """Whom an operator asks as, who may ask as anyone.

    Raises:
        acl.errors.InvalidPrincipalError: a principal is malformed, or none that can call.
    """
    from acl.caller import Caller
    from acl.principal import Principal

    return Caller(
        tenant=tenant,
        subject=Principal.parse(subject),
        actors=() if actor is None else (Principal.parse(actor),),
        api_scopes=frozenset({scope}),
    )


def require_tenant(runtime: Runtime, tenant: str) -> None:
    """Refuse a tenant that does not exist, naming those that do.

    Raises:
        CommandError: there is no such tenant.
    """
    known = tenants(runtime)
    if tenant not in known:
        there_are = f"there are: {', '.join(known)}" if known else "there is none yet"
        raise CommandError(
            f"tenant {tenant!r} does not exist ({there_are}); "
            f"'clearance ingest FOLDER --tenant {tenant}' creates it"
        )


def tenants(runtime: Runtime) -> list[str]:
    """The names of all tenants."""
    from sqlalchemy import select

    from acl.models import Tenant

    with runtime.database.unguarded("an operator asks which tenants there are") as session:
        return list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
