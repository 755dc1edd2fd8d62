"""The facade over OpenTelemetry: what spans carry, what starts them, what they cost when off."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import (
    db_attributes,
    error_attributes,
    gen_ai_attributes,
    http_attributes,
    mcp_attributes,
    url_attributes,
)
from opentelemetry.trace import SpanKind, StatusCode

from ingestion.errors import IndexUnavailableError
from retrieval import observed, tracing
from retrieval.tracing import names, sdk, spans
from retrieval.tracing.remote import NOWHERE, remote, trace_id

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
WORDS = "per diem at Initech"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(provider.get_tracer(names.TRACER))
    yield exporter
    spans.use(None)


def test_names_are_those_of_the_conventions_where_there_are_any() -> None:
    known = {
        value
        for module in (
            *(db_attributes, error_attributes, gen_ai_attributes),
            *(http_attributes, mcp_attributes, url_attributes),
        )
        for value in vars(module).values()
        if isinstance(value, str)
    }
    foreign = {name for name in names.ATTRIBUTES if not name.startswith("clearance.")}
    # Moved to a repository of their own since, which that package does not follow.
    assert foreign - known == {names.TOP_K}
    values = gen_ai_attributes.GenAiOperationNameValues
    assert values.RETRIEVAL.value == names.RETRIEVAL
    assert values.EMBEDDINGS.value == names.EMBEDDINGS
    assert values.EXECUTE_TOOL.value == names.EXECUTE_TOOL
    content = {
        gen_ai_attributes.GEN_AI_RETRIEVAL_QUERY_TEXT,
        gen_ai_attributes.GEN_AI_RETRIEVAL_DOCUMENTS,
        gen_ai_attributes.GEN_AI_TOOL_CALL_ARGUMENTS,
        gen_ai_attributes.GEN_AI_TOOL_CALL_RESULT,
        url_attributes.URL_PATH,
        url_attributes.URL_QUERY,
        url_attributes.URL_FULL,
    }
    assert not content & set(names.ATTRIBUTES)


def test_a_span_carries_only_what_the_table_names(exported: InMemorySpanExporter) -> None:
    with tracing.span("retrieval", {names.TOP_K: 8, "query": WORDS, names.MODE: None}) as span:
        span.set("evidence", WORDS)
        span.set(names.STATUS, "ok")
        span.set(names.ACTION, None)
    (made,) = exported.get_finished_spans()
    assert dict(made.attributes) == {names.TOP_K: 8, names.STATUS: "ok"}


def test_a_value_is_cut_where_no_value_of_ours_reaches(exported: InMemorySpanExporter) -> None:
    with tracing.span("x" * 500, {names.MODEL: "m" * 500}):
        pass
    (made,) = exported.get_finished_spans()
    assert len(made.name) == len(made.attributes[names.MODEL]) == spans.MAX_CHARS


@pytest.mark.parametrize(
    ("error", "named"),
    [(IndexUnavailableError(WORDS), "index_unavailable"), (KeyError(WORDS), "KeyError")],
)
def test_of_an_error_only_the_code_or_the_class_is_told(
    exported: InMemorySpanExporter, error: Exception, named: str
) -> None:
    with pytest.raises(type(error)), tracing.span("retrieval"):
        raise error
    (made,) = exported.get_finished_spans()
    assert made.attributes[names.ERROR] == named
    assert made.status.status_code is StatusCode.ERROR
    assert "Initech" not in made.to_json()


def test_a_stage_hangs_under_the_operation_and_lasted_as_long_as_it_did(
    exported: InMemorySpanExporter,
) -> None:
    with tracing.span("retrieval"):
        observed.stage("retrieve", "embed", seconds=0.25)
        observed.stage("retrieve", "search", seconds=0.5)
    embed, search, whole = exported.get_finished_spans()
    assert (embed.name, search.name) == ("embeddings", "search")
    assert embed.parent.span_id == search.parent.span_id == whole.context.span_id
    assert embed.end_time - embed.start_time == 250_000_000
    assert embed.attributes[names.OPERATION] == "embeddings"
    assert search.attributes[names.DATABASE] == "qdrant"


def test_the_senders_trace_goes_on(exported: InMemorySpanExporter) -> None:
    origin = remote(TRACEPARENT)
    assert origin.trace_id == TRACE
    with tracing.span("GET", kind=tracing.Kind.SERVER, parent=origin.parent):
        assert trace_id() == TRACE
        with tracing.span("retrieval"):
            pass
    inner, outer = exported.get_finished_spans()
    assert f"{outer.context.trace_id:032x}" == f"{inner.context.trace_id:032x}" == TRACE
    assert f"{outer.parent.span_id:016x}" == PARENT
    assert outer.kind is SpanKind.SERVER
    assert inner.parent.span_id == outer.context.span_id


@given(st.one_of(st.none(), st.integers(), st.text(), st.just(TRACEPARENT[:-3])))
def test_what_is_no_good_traceparent_is_nobodys(sent: object) -> None:
    assert remote(sent) is NOWHERE


def test_a_request_that_its_sender_did_not_sample_is_not_recorded(
    exported: InMemorySpanExporter,
) -> None:
    with tracing.span("GET", parent=remote(f"{TRACEPARENT[:-2]}00").parent):
        pass
    assert not exported.get_finished_spans()


def test_off_nothing_is_made_and_nothing_fails() -> None:
    with tracing.span("retrieval", {names.TOP_K: 8}) as span:
        assert span is tracing.current() is spans.NOTHING
        span.set(names.STATUS, "ok")
        span.rename("other")
        span.failed("code")
        observed.stage("retrieve", "embed", seconds=0.1)


OTLP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


@pytest.mark.parametrize(
    ("environ", "exporter"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "none", **OTLP}, None),
        ({"OTEL_SDK_DISABLED": "true", **OTLP}, None),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp_proto_grpc"),
        (OTLP, "otlp_proto_grpc"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1"}, "otlp_proto_grpc"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **OTLP}, "otlp_proto_http"),
    ],
)
def test_the_environment_alone_turns_tracing_on(
    environ: dict[str, str], exporter: str | None
) -> None:
    assert sdk.exporter_named(environ) == exporter


def test_an_exporter_that_is_not_installed_keeps_no_service_from_starting() -> None:
    sdk.configure({"OTEL_TRACES_EXPORTER": "nonesuch"})
    assert tracing.current() is spans.NOTHING


TRACED = (
    "from retrieval import tracing\n"
    "from retrieval.tracing import sdk\n"
    "sdk.configure()\n"
    "with tracing.span('retrieval'): pass\n"
)


def script(text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", **environ},
    )
    assert done.returncode == 0, done.stderr
    return done


def test_spans_leave_by_the_exporter_that_the_environment_names_and_not_over_the_wire() -> None:
    environ = {"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "clearance-of-tests"}
    told = script(TRACED, **environ)
    assert '"name": "retrieval"' in told.stderr
    assert "clearance-of-tests" in told.stderr
    assert told.stdout == ""


def test_the_sampler_is_the_environments() -> None:
    told = script(TRACED, OTEL_TRACES_EXPORTER="console", OTEL_TRACES_SAMPLER="always_off")
    assert told.stderr == ""


@pytest.mark.parametrize(
    "module", ["retrieval.cli.app", "retrieval.pipeline", "retrieval.observed"]
)
def test_a_command_line_loads_neither_tracing_nor_metrics(module: str) -> None:
    """A command answers at once; what a service alone needs must not make it wait."""
    loaded = script(f"import {module}, sys; print(*sys.modules)").stdout.split()
    assert module in loaded
    assert not [name for name in loaded if name.startswith(("opentelemetry", "prometheus_client"))]
    assert "retrieval.metrics.families" not in loaded
