"""Every way in which a request ends moves its counter, over HTTP and over MCP."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import pytest
from sqlalchemy.exc import OperationalError

from acl.caller import ApiScope
from retrieval import metrics, status
from retrieval.api import problems, routes
from retrieval.evidence import Reason
from retrieval.mcp import tools
from retrieval.resilience.guards import Guards

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service
    from httpx2 import Response

    from retrieval.evidence import RetrieveResponse

QUESTION = "per diem for trips abroad"
DRAFT = {"text": "The per diem abroad is 55 euros."}


def counts(service: Service) -> dict[str, float]:
    text = service.client.get("/metrics", headers=service.headers("operator")).text
    rows = (row.rpartition(" ") for row in text.splitlines() if not row.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def moved(service: Service, act: Callable[[], object]) -> dict[str, float]:
    """By how much each series moved, those of time aside."""
    before = counts(service)
    act()
    after = counts(service)
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
        and "_seconds" not in name
        and 'route="/metrics"' not in name
    }


def tool(service: Service, name: str, token: str | None = None, **arguments: object) -> Response:
    params = {"name": name, "arguments": arguments}
    return service.client.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            "Authorization": f"Bearer {token or service.tokens['ann']}",
            "Accept": "application/json, text/event-stream",
        },
    )


def made(kind: type[BaseException]) -> BaseException:
    """An error of a class, however it is made."""
    try:
        return kind("words that nobody may see")
    except TypeError:  # it asks for more than this test knows
        return kind.__new__(kind, "words that nobody may see")


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_args: object, **_named: object) -> NoReturn:
        raise error

    return fail


class Changed:
    """The real function, with its answer changed."""

    def __init__(self, real: Callable[..., RetrieveResponse], **fields: object) -> None:
        self._real, self._fields = real, fields

    def __call__(self, *args: Any, **named: Any) -> RetrieveResponse:
        return self._real(*args, **named).model_copy(update=self._fields)


@pytest.mark.parametrize("kind", [*problems.TABLE, RuntimeError], ids=lambda kind: kind.__name__)
def test_every_error_of_the_table_is_counted_over_http_and_mcp(
    service: Service, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    error = made(kind)
    code = problems.refuse(error, request_id="r").problem.code
    monkeypatch.setattr(routes, "retrieve", raising(error))
    monkeypatch.setattr(tools, "retrieve", raising(error))
    over_http = moved(service, lambda: service.ask("ann", QUESTION))
    over_mcp = moved(service, lambda: tool(service, "retrieve", query=QUESTION))
    assert over_http[f'clearance_problems_total{{code="{code}",surface="http"}}'] == 1
    assert over_mcp[f'clearance_problems_total{{code="{code}",surface="mcp"}}'] == 1
    assert over_mcp[f'clearance_tool_calls_total{{code="{code}",tool="retrieve"}}'] == 1


@pytest.mark.parametrize("code", list(status.TABLE))
def test_every_reason_is_counted_over_http_and_mcp(
    service: Service, monkeypatch: pytest.MonkeyPatch, code: status.ReasonCode
) -> None:
    reasons = [Reason(code=code, message=".", evidence=[], source=None)] * 2
    for module in (routes, tools):
        monkeypatch.setattr(module, "retrieve", Changed(module.retrieve, reasons=reasons))
    over_http = moved(service, lambda: service.ask("ann", QUESTION))
    over_mcp = moved(service, lambda: tool(service, "retrieve", query=QUESTION))
    for surface, told in (("http", over_http), ("mcp", over_mcp)):
        line = f'clearance_answer_reasons_total{{reason="{code}",surface="{surface}"}}'
        assert told[line] == 1


@pytest.mark.parametrize(
    ("how", "action"), list(itertools.product(status.Status, status.Action)), ids=str
)
def test_every_status_and_action_is_counted(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    how: status.Status,
    action: status.Action,
) -> None:
    changed = Changed(routes.retrieve, status=how, action=action)
    monkeypatch.setattr(routes, "retrieve", changed)
    told = moved(service, lambda: service.ask("ann", QUESTION))
    assert told[f'clearance_answers_total{{status="{how}",surface="http"}}'] == 1
    assert told[f'clearance_answer_actions_total{{action="{action}",surface="http"}}'] == 1


def test_an_answer_is_counted_with_its_evidence_and_its_stages(service: Service) -> None:
    before = counts(service)
    answer = service.ask("ann", QUESTION).json()
    after = counts(service)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['clearance_evidence_total{verdict="clean"}'] == len(answer["evidence"])
    assert grown["clearance_evidence_tokens_total"] == answer["usage"]["evidence_tokens"]
    for stage in ("resolve", "embed", "search", "fetch", "judge", "confirm", "account"):
        line = f'clearance_stage_seconds_count{{operation="retrieve",stage="{stage}"}}'
        assert grown[line] == 1
    assert grown['clearance_queue_seconds_count{outcome="admitted"}'] == 1


def test_a_check_is_counted_by_verdict_reason_and_result(service: Service) -> None:
    token = service.token("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)
    chunk = service.ask("ann", QUESTION).json()["evidence"][0]["chunk_id"]
    good = {**DRAFT, "citations": [{"chunk_id": chunk, "quote": "55 euros"}]}
    lost = {**DRAFT, "citations": [{"chunk_id": "nonsense", "quote": "55 euros"}]}
    headers = {"Authorization": f"Bearer {token}"}

    def over_http() -> None:
        service.client.post("/v1/verify", json={"claims": [good, lost]}, headers=headers)

    def over_mcp() -> None:
        tool(service, "verify_claims", token, claims=[good, lost])

    for surface, act in (("http", over_http), ("mcp", over_mcp)):
        told = moved(service, act)
        assert told[f'clearance_checks_total{{surface="{surface}"}}'] == 1
        assert told['clearance_claims_total{verdict="supported"}'] == 1
        assert told['clearance_claims_total{verdict="not_enough"}'] == 1
        assert told['clearance_citations_total{result="quoted"}'] == 1
        assert told['clearance_citations_total{result="not_found"}'] == 1
        assert told['clearance_claim_reasons_total{reason="citation_not_found"}'] == 1


def test_a_refusal_by_the_mcp_library_is_a_problem_too(service: Service) -> None:
    told = moved(service, lambda: service.client.post("/mcp", json={}))
    assert told['clearance_problems_total{code="http_401",surface="mcp"}'] == 1


def test_a_token_is_refused_by_its_fault(service: Service) -> None:
    told = moved(
        service,
        lambda: service.client.get("/v1/sources", headers={"Authorization": "Bearer clr_0_0"}),
    )
    faults = [name for name in told if name.startswith("clearance_tokens_refused_total")]
    assert sum(told[name] for name in faults) == 1


def test_an_answer_that_is_withdrawn_is_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.pipeline.rights_hold", lambda *_: False)
    told = moved(service, lambda: service.ask("ann", QUESTION))
    assert told["clearance_withdrawn_total"] >= 1


def test_the_circuits_and_the_room_are_told_as_they_stand(service: Service) -> None:
    told = counts(service)
    for guard in Guards():
        assert told[f'clearance_breaker_state{{name="{guard.name}",state="closed"}}'] == 1
        assert told[f'clearance_breaker_state{{name="{guard.name}",state="open"}}'] == 0
    assert told["clearance_queue_slots"] >= 1
    assert told["clearance_queue_working"] == 0
    assert told["clearance_catalogue_up"] == 1
    assert told['clearance_runs{status="ok"}'] >= 2
    assert told["process_resident_memory_bytes"] > 0
    assert told["clearance_index_process_resident_memory_bytes"] > 0
    assert any(name.startswith("clearance_build_info{") for name in told)


def test_without_the_catalogue_the_rest_is_still_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "retrieval.installation_gauges.source_gauges",
        raising(OperationalError("SELECT", {}, Exception("gone"))),
    )
    told = counts(service)
    assert told["clearance_catalogue_up"] == 0
    assert "clearance_queue_slots" in told
    assert not [name for name in told if name.startswith("clearance_source")]


def test_half_a_reply_is_counted_as_aborted(service: Service) -> None:
    app = service.client.app

    async def half(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(scope["path"])

    boundary = next(m for m in app.user_middleware if m.cls.__name__ == "Boundary")
    alone = boundary.cls(half, **boundary.kwargs)

    async def act() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "app": app}

        async def send(_message: object) -> None: ...

        with pytest.raises(RuntimeError):
            await alone(scope, send, send)

    told = moved(service, lambda: anyio.run(act))
    assert told['clearance_problems_total{code="aborted",surface="http"}'] == 1


def test_outside_a_request_nothing_is_counted_for_it(service: Service) -> None:
    told = moved(service, lambda: metrics.current().withdrawn())
    assert "clearance_withdrawn_total" not in told
