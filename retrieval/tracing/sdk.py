"""Setting tracing up, by OpenTelemetry's own environment variables and nothing else.

``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_TRACES_EXPORTER`` turns it on; protocol, headers,
sampler, resource and limits are read by the library from the variables it documents. A provider
that somebody set up before us (``opentelemetry-instrument``, say) is used as it is.

Our provider is not made the process's global one: libraries that make spans by themselves would
write down what they were sent.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any, Final

import structlog

from retrieval.tracing import names
from retrieval.tracing.spans import use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import TracerProvider

_PACKAGE: Final = "clearance-retrieval"
_EXPORTERS: Final = "opentelemetry_traces_exporter"
"""The entry points under which OpenTelemetry's packages offer exporters."""

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_BY_PROTOCOL: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_CONSOLE: Final = "console"
_log = structlog.get_logger(__name__)


def configure(environ: Mapping[str, str] = os.environ) -> None:
    """Make spans, if the environment or whoever started this process asks for them."""
    from opentelemetry import trace  # noqa: PLC0415 - a service has it anyway; commands do not

    provider: TracerProvider | None = _from_environment(environ)
    if provider is None and not isinstance(
        trace.get_tracer_provider(), (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
    ):
        provider = trace.get_tracer_provider()
    if provider is not None:
        use(provider.get_tracer(names.TRACER, version(_PACKAGE)))


def exporter_named(environ: Mapping[str, str]) -> str | None:
    """The exporter that the environment asks for; None for no tracing.

    Unlike the library's own set-up, nothing is sent anywhere unless somebody says where to.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    told = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if told == "none" or not (told or any(environ.get(name) for name in _ENDPOINTS)):
        return None
    if told and told != "otlp":
        return told
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"
    )
    return _BY_PROTOCOL.get(protocol.strip().lower(), protocol)


def _from_environment(environ: Mapping[str, str]) -> TracerProvider | None:
    asked = exporter_named(environ)
    if asked is None:
        return None
    found = {point.name: point for point in entry_points(group=_EXPORTERS)}
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter: Any = found[asked].load()
    except (ImportError, KeyError):
        # A service that cannot trace still serves.
        _log.warning(
            "tracing_unavailable",
            remedy="install clearance-retrieval[otel], or the package of the exporter asked for",
        )
        return None
    told = {"service.version": version(_PACKAGE)}
    if "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        told["service.name"] = environ.get("OTEL_SERVICE_NAME") or names.TRACER
    provider = TracerProvider(resource=Resource.create(told))
    # Standard output belongs to answers, and over stdio to the MCP wire.
    made = exporter(out=sys.stderr) if asked == _CONSOLE else exporter()
    provider.add_span_processor(BatchSpanProcessor(made))
    return provider
