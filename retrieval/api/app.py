"""The application: routes and layers put together around one runtime."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import structlog

from retrieval.api import (
    admin_acls,
    admin_explain,
    admin_people,
    admin_policy,
    audit,
    document_batch,
    documents,
    flags,
    health,
    index_runs,
    keys,
    quality,
    receipts,
    routes,
    verify,
)
from retrieval.api.boundary import Boundary, answer
from retrieval.api.compression import PublicCompression
from retrieval.api.openapi import DescribedApi
from retrieval.api.problems import HANDLED
from retrieval.console.router import router as console
from retrieval.limits.early import EarlyRefusal
from retrieval.mcp import metadata
from retrieval.mcp.http import McpEndpoint
from retrieval.metrics import PrometheusMetrics
from retrieval.pushing import PushDesk
from retrieval.runner import create_runner
from retrieval.telemetry import failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from retrieval.runner import Runner
    from retrieval.runtime import Runtime

WORKER_THREADS: Final = 32
"""Requests in the core at once. More would wait for the same cores and hold more memory."""

HEALTH_THREADS: Final = 2
"""Kept apart, so that a full pool does not make the service look dead."""

WARM_AGAIN_SECONDS: Final = 5.0
LOOK_AFTER_RUNS_SECONDS: Final = 15.0

_log = structlog.get_logger(__name__)


class Warmth(StrEnum):
    """Whether models and index are loaded."""

    WARMING = "warming"
    OK = "ok"
    UNAVAILABLE = "unavailable"


def create_app(runtime: Runtime, *, runner: Runner | None = None) -> FastAPI:
    """The service over ``runtime``, which the caller keeps open for as long as the app runs.

    Args:
        runtime: the installation.
        runner: carries out index runs; None for the one the settings name.
    """
    carrying_out = create_runner(runtime) if runner is None else runner
    metrics = PrometheusMetrics()
    mcp = McpEndpoint(runtime)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = WORKER_THREADS
        app.state.health_threads = anyio.CapacityLimiter(HEALTH_THREADS)
        app.state.push_threads = anyio.CapacityLimiter(documents.PUSH_THREADS)
        beside = [asyncio.create_task(_warm(app)), asyncio.create_task(_look_after_runs(app))]
        async with mcp.running():
            yield
        for task in beside:
            task.cancel()
        for task in beside:
            with suppress(asyncio.CancelledError):
                await task  # the thread within is not abandoned: it still uses the runtime
        await anyio.to_thread.run_sync(carrying_out.close)
        await anyio.to_thread.run_sync(app.state.pushes.close)

    app = DescribedApi(
        title="Clearance",
        summary="Evidence the caller is cleared to see, cited, and honest about doubt.",
        version=version("clearance-retrieval"),
        lifespan=lifespan,
        # The interactive pages load scripts from elsewhere; the schema alone is served.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its logs and spans would hold what was sent: paths, queries, exceptions. See the boundary.
        telemetry={"logs": False, "tracing": False, "metrics": False},
        exception_handlers=dict.fromkeys(HANDLED, answer),
    )
    app.state.runtime = runtime
    app.state.metrics = metrics
    app.state.warmth = Warmth.WARMING
    app.state.pushes = PushDesk(runtime)
    app.state.runner = carrying_out
    app.add_middleware(PublicCompression)
    app.add_middleware(Boundary, metrics=metrics)
    app.add_middleware(EarlyRefusal, runtime=runtime, metrics=metrics)  # outermost: added last
    app.include_router(routes.router)
    app.include_router(keys.router)
    app.include_router(admin_acls.router)
    app.include_router(admin_people.principals)
    app.include_router(admin_people.groups)
    app.include_router(admin_policy.router)
    app.include_router(admin_explain.router)
    app.include_router(audit.router)
    app.include_router(document_batch.router)
    app.include_router(documents.router)
    app.include_router(index_runs.router)
    app.include_router(verify.router)
    app.include_router(quality.router)
    app.include_router(receipts.router)
    app.include_router(receipts.public)
    app.include_router(flags.router)
    app.include_router(routes.operations)
    app.include_router(health.router)
    app.include_router(console)
    app.include_router(metadata.router)
    app.router.routes.append(mcp.route)
    return app


async def _warm(app: FastAPI) -> None:
    """Load models and index in the background: health checks answer from the first moment.

    Tried again until it succeeds, because what it waits for (a model to appear, an index server
    to come up) may come later.
    """
    while True:
        try:
            await anyio.to_thread.run_sync(app.state.runtime.warm)
        except Exception as error:  # noqa: BLE001 - not ready is the answer, whatever the reason
            app.state.warmth = Warmth.UNAVAILABLE
            _log.error("warming_failed", **failure(error))
            await anyio.sleep(WARM_AGAIN_SECONDS)
        else:
            app.state.warmth = Warmth.OK
            return


async def _look_after_runs(app: FastAPI) -> None:
    """Have runs carried out that wait, such as those a service before this one left behind."""
    while True:
        try:
            if app.state.warmth is Warmth.OK:
                await anyio.to_thread.run_sync(app.state.runner.look)
        except Exception as error:  # noqa: BLE001 - the next look may find things in order
            _log.error("looking_after_runs_failed", **failure(error))
        await anyio.sleep(LOOK_AFTER_RUNS_SECONDS)
