"""Logging, configured once per process: JSON lines on standard error, through structlog.

Standard output belongs to answers (and, over stdio, to the MCP wire). Query text and evidence are
never logged: nothing here, and no caller of these loggers, passes them in. Records of libraries go
through the same renderer, so that every line can be parsed.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

QUIET_LIBRARIES: Final = ("httpx", "httpx2", "mcp", "uvicorn.access", "sse_starlette", "alembic")
"""Loggers kept at WARNING: their INFO lines repeat each request, some with its arguments."""


def configure(*, level: str = "INFO") -> None:
    """Send every log line of this process to standard error, one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _keep_values_out_of_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def failure(error: BaseException) -> dict[str, object]:
    """What may be logged of an exception: its type, and the places it passed.

    Never its text, and no values of variables: either may hold what was being read or asked (a
    database error quotes its parameters). File, line and function say where to look.
    """
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return {"error": f"{type(error).__module__}.{type(error).__qualname__}", "frames": frames}


def _keep_values_out_of_tracebacks(
    logger: WrappedLogger, method: str, event: EventDict
) -> EventDict:
    """Hold the records of libraries to :func:`failure` too."""
    del logger, method
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if info else None
    if error is not None:
        event.update(failure(error))
    return event
