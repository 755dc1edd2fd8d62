"""Health: whether the process lives, and whether it can answer. Nothing about any tenant.

``/livez`` touches nothing. ``/readyz`` asks the catalogue and the index, in a thread of its own,
so that neither waits behind queries.
"""

from typing import Final, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from retrieval.runtime import Runtime

READY_SECONDS: Final = 5.0
_RETRY_AFTER: Final = "1"

router = APIRouter()


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """Whether queries can be answered, and what stands in the way if not."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


@router.get("/livez", operation_id="livez")
async def livez() -> Live:
    """Whether the process lives."""
    return Live()


@router.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Whether queries can be answered: each check is ok, warming, unavailable or timeout."""
    state = request.app.state
    checks = {"models": str(state.warmth)}
    for name, check in (("catalogue", _catalogue), ("index", _index)):
        checks[name] = "timeout"
        with anyio.move_on_after(READY_SECONDS):
            checks[name] = await anyio.to_thread.run_sync(
                check, state.runtime, abandon_on_cancel=True, limiter=state.health_threads
            )
    ready = set(checks.values()) == {"ok"}
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = _RETRY_AFTER
    return Readiness(status="ready" if ready else "not_ready", checks=checks)


def _catalogue(runtime: Runtime) -> str:
    try:
        runtime.generation()
    except Exception:  # noqa: BLE001 - whatever it is, the catalogue does not answer
        return "unavailable"
    return "ok"


def _index(runtime: Runtime) -> str:
    try:
        generation = runtime.generation()
        if generation is not None:  # else nothing was ever ingested, which is no failure
            runtime.index(generation.id).count()
    except Exception:  # noqa: BLE001 - whatever it is, the index does not answer
        return "unavailable"
    return "ok"
