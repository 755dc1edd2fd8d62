"""One request is one trace, from the sender's span down to the stages, over HTTP and over MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from acl.caller import ApiScope
from retrieval.api import routes
from retrieval.metrics.families import STAGES
from retrieval.tracing import names, spans
from retrieval.tracing.mcp import TOOL_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service
    from opentelemetry.sdk.trace import ReadableSpan

HTTP = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
META = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
QUESTION = "per diem for trips abroad"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(provider.get_tracer(names.TRACER))
    yield exporter
    spans.use(None)


def made(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exported.get_finished_spans()}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def tool(service: Service, name: str, meta: str | None = None, **arguments: object) -> Any:
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    if meta is not None:
        params["_meta"] = {"traceparent": meta}
    return service.client.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            **service.headers("ann"),
            "Accept": "application/json, text/event-stream",
            "traceparent": HTTP,
        },
    )


def test_an_answer_is_one_trace_down_to_its_stages(
    service: Service, exported: InMemorySpanExporter
) -> None:
    asked = {**service.headers("ann"), "traceparent": HTTP, "X-Request-ID": "a-request"}
    service.client.post("/v1/retrieve", json={"query": QUESTION, "limit": 3}, headers=asked)
    told = made(exported)
    outer, whole = told["POST /v1/retrieve"], told[names.RETRIEVAL]
    assert {trace_of(span) for span in told.values()} == {HTTP.split("-")[1]}
    assert f"{outer.parent.span_id:016x}" == HTTP.split("-")[2]
    assert outer.kind is SpanKind.SERVER
    assert outer.attributes[names.HTTP_ROUTE] == "/v1/retrieve"
    assert outer.attributes[names.REQUEST_ID] == "a-request"
    assert whole.parent.span_id == outer.context.span_id
    assert whole.attributes[names.TOP_K] == 3
    stages = {names.EMBEDDINGS if stage == "embed" else stage for stage in STAGES}
    assert stages <= set(told)
    assert {told[stage].parent.span_id for stage in stages} == {whole.context.span_id}


def test_a_check_is_one_trace_down_to_its_stages(
    service: Service, exported: InMemorySpanExporter
) -> None:
    claim = {"text": "The per diem is 55 euros.", "citations": [{"chunk_id": "c"}]}
    asked = {"Authorization": f"Bearer {service.token('ann', ApiScope.VERIFY)}"}
    reply = service.client.post("/v1/verify", json={"claims": [claim]}, headers=asked)
    assert reply.status_code == 200
    told = made(exported)
    whole = told[names.VERIFY]
    for stage in ("resolve", "fetch", "judge", "account", "confirm"):
        assert told[stage].parent.span_id == whole.context.span_id, stage


def test_a_tool_call_hangs_under_the_request_it_came_in(
    service: Service, exported: InMemorySpanExporter
) -> None:
    assert tool(service, "retrieve", query=QUESTION).status_code == 200
    told = made(exported)
    call = told["tools/call retrieve"]
    assert call.parent.span_id == told["POST /mcp"].context.span_id
    assert told[names.RETRIEVAL].parent.span_id == call.context.span_id
    assert call.attributes[names.TOOL] == "retrieve"
    assert call.attributes[names.OPERATION] == names.EXECUTE_TOOL
    assert {trace_of(span) for span in told.values()} == {HTTP.split("-")[1]}


def test_a_tool_call_goes_on_with_the_trace_of_its_message(
    service: Service, exported: InMemorySpanExporter
) -> None:
    tool(service, "retrieve", META, query=QUESTION)
    told = made(exported)
    assert trace_of(told["POST /mcp"]) == HTTP.split("-")[1]
    for name in ("tools/call retrieve", names.RETRIEVAL, "search"):
        assert trace_of(told[name]) == META.split("-")[1]


@pytest.mark.parametrize(
    ("name", "span"), [("retrieve", "tools/call retrieve"), ("x", "tools/call")]
)
def test_a_refused_tool_call_is_an_error_with_its_code(
    service: Service, exported: InMemorySpanExporter, name: str, span: str
) -> None:
    tool(service, name, nonsense=QUESTION)
    call = made(exported)[span]
    assert call.attributes[names.ERROR] == TOOL_ERROR
    assert call.attributes[names.CODE] == "invalid_request"
    assert call.status.status_code is StatusCode.ERROR


def test_a_failure_on_our_side_is_an_error_and_one_of_the_senders_is_not(
    service: Service, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise TimeoutError

    service.ask("ann", "")
    theirs = made(exported)["POST /v1/retrieve"]
    assert theirs.attributes[names.CODE] == "invalid_request"
    assert theirs.status.status_code is StatusCode.UNSET
    monkeypatch.setattr(routes, "retrieve", fail)
    service.ask("ann", QUESTION)
    ours = made(exported)["POST /v1/retrieve"]
    assert ours.attributes[names.ERROR] == "deadline_exceeded"
    assert ours.status.status_code is StatusCode.ERROR


def test_what_is_not_there_has_no_name(service: Service, exported: InMemorySpanExporter) -> None:
    service.client.request("BREW", "/coffee")
    assert list(made(exported)) == ["_OTHER unmatched"]
