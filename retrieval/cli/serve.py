"""``clearance serve`` and ``clearance mcp``: the service, and MCP over standard streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, settings_of
from retrieval.cli.output import errors, hint, printable

if TYPE_CHECKING:
    from retrieval.runtime import Runtime

GRACE_SECONDS: Final = 10
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(mcp)


def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to. Default: CLEARANCE_HOST or 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to bind to. Default: CLEARANCE_PORT or 8321.", min=1, max=65535),
    ] = None,
) -> None:
    """Serve REST, MCP and the console over HTTP until interrupted.

    Callers need a key: clearance keys create. Log lines go to standard error as JSON.
    """
    with opened(context, host=host, port=port) as runtime:
        runtime.warm_meanwhile()
        import uvicorn

        from retrieval import telemetry
        from retrieval.api.app import create_app
        from retrieval.mcp.http import public_url
        from retrieval.tracing import sdk

        telemetry.configure()
        sdk.configure()
        settings = runtime.settings
        address = public_url(settings)
        screen = errors()
        screen.print(f"Clearance at {printable(address)}", style="bold green")
        screen.print(f"  REST  {address}/v1/retrieve   MCP  {address}/mcp   health  /readyz")
        screen.print(f"  for people  {address}/console")
        if settings.host not in _LOOPBACK and settings.public_url is None:
            hint(
                "set CLEARANCE_PUBLIC_URL to the URL agents use; other host names are refused at "
                "/mcp"
            )
        _suggest_key(runtime)
        uvicorn.run(
            create_app(runtime),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def mcp(context: typer.Context) -> None:
    """Serve MCP over standard input and output, for an agent on this machine.

    The key in CLEARANCE_TOKEN says who asks. Start it from the agent's configuration.
    """
    with opened(context) as runtime:
        if not settings_of(context).token:
            from retrieval.mcp.stdio import ABSENT

            raise CommandError(ABSENT)
        runtime.warm_meanwhile()
        from retrieval import telemetry
        from retrieval.mcp.stdio import serve_stdio
        from retrieval.tracing import sdk

        telemetry.configure(level="WARNING")
        sdk.configure()
        serve_stdio(runtime)


def _suggest_key(runtime: Runtime) -> None:
    from sqlalchemy import select

    from acl.models import ApiKeyRow

    with runtime.database.unguarded("whether any tenant has a key yet") as session:
        if session.scalar(select(ApiKeyRow.key_id).limit(1)) is None:
            hint("nobody has a key yet: clearance keys create user:NAME --tenant T")
