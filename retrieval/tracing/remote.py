"""The sender's trace, continued: W3C ``traceparent``, from HTTP headers or MCP's ``_meta``.

Only ``traceparent`` is taken, whose shape leaves no room for words. ``tracestate`` and ``baggage``
are the sender's own text and would travel on with every span, so they are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from opentelemetry.context import Context

TRACEPARENT: Final = "traceparent"


class Remote(NamedTuple):
    """Where a request comes from.

    Attributes:
        parent: what to hang its span under; None if the sender named none.
        trace_id: of the sender's trace, as log lines have it.
    """

    parent: Context | None
    trace_id: str | None


NOWHERE: Final = Remote(None, None)


def remote(sent: Any) -> Remote:
    """The sender's trace, if ``sent`` is a good ``traceparent``."""
    if not isinstance(sent, str):
        return NOWHERE
    # The web framework and the MCP library have loaded these already; a command line has not.
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import format_trace_id, get_current_span  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    parent = TraceContextTextMapPropagator().extract({TRACEPARENT: sent}, context=Context())
    told = get_current_span(parent).get_span_context()
    if not told.is_valid:
        return NOWHERE
    return Remote(parent, format_trace_id(told.trace_id))


def trace_id(otherwise: str | None = None) -> str | None:
    """The id of the trace we are in, as log lines have it; ``otherwise`` if in none."""
    from opentelemetry.trace import format_trace_id, get_current_span  # noqa: PLC0415 - as above

    told = get_current_span().get_span_context()
    return format_trace_id(told.trace_id) if told.is_valid else otherwise
