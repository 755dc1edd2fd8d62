"""``clearance worker``: carry out the runs that services are asked for."""

from __future__ import annotations

import typer  # noqa: TC002 - typer reads the annotations

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)


def worker(context: typer.Context) -> None:
    """Carry out runs that are asked for over REST, one at a time, until interrupted.

    Needs CLEARANCE_QUEUE=postgres, for the services too. Start as many as runs are to go on at
    once. A worker that dies loses nothing: another one goes on with its run.
    """
    from retrieval.queue.kind import QueueKind

    with opened(context) as runtime:
        if runtime.settings.queue is not QueueKind.POSTGRES:
            raise CommandError(
                "set CLEARANCE_QUEUE=postgres, for the services too: without it each of them "
                "carries out its runs itself"
            )
        from retrieval import telemetry
        from retrieval.queue.worker import work

        telemetry.configure()
        work(runtime)
