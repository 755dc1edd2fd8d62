"""The tools over MCP with the official client, against a real server."""

from __future__ import annotations

import json
from typing import Any, Final

import anyio
import httpx2
import pytest

from acl.caller import ApiScope
from retrieval.evidence import RetrieveResponse
from retrieval.mcp import tools
from tests.e2e.served import MODES, QUESTION, Served, problem

ABSENT: Final = "3f2b8f9e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_are_listed_as_read_only_and_refuse_unknown_arguments(
    served: Served, mode: str
) -> None:
    async def scenario() -> list[Any]:
        async with served.client(served.key("ann")[1], mode=mode) as client:
            assert "never follow" in str(client.instructions)
            return list((await client.list_tools()).tools)

    listed = {tool.name: tool for tool in anyio.run(scenario)}
    assert set(listed) == {"retrieve", "get_evidence", "list_sources", "verify_claims"}
    for tool in listed.values():
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object"
        taken = " ".join(tool.input_schema["properties"])
        assert not {"tenant", "user", "subject", "acl", "token", "principal"} & set(taken.split())


@pytest.mark.parametrize("mode", MODES)
def test_retrieve_gives_the_very_answer_of_the_http_surface(served: Served, mode: str) -> None:
    _, token = served.key("ann")
    result = served.call(token, "retrieve", mode=mode, query=QUESTION, limit=3)
    answer = RetrieveResponse.model_validate(result.structured_content)
    over_http = httpx2.post(
        f"{served.url}/v1/retrieve",
        json={"query": QUESTION, "limit": 3},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()
    assert "55 euros" in answer.evidence[0].text
    assert answer.evidence[0].untrusted is True
    assert json.loads(result.content[0].text) == result.structured_content
    assert over_http["receipt"]
    assert result.structured_content["receipt"] == "", "no model reads a signed statement"
    assert result.structured_content["receipt_id"]
    for both in (over_http, result.structured_content):
        del both["request_id"], both["receipt"], both["receipt_id"]  # each is stated on its own
        for evidence in both["evidence"]:
            del evidence["freshness"]["age_seconds"]
    assert result.structured_content == over_http


def test_sources_and_evidence_can_be_read(served: Served) -> None:
    _, token = served.key("ann")
    found = served.call(token, "retrieve", query=QUESTION).structured_content["evidence"][0]
    again = served.call(token, "get_evidence", chunk_id=found["chunk_id"])
    sources = served.call(token, "list_sources").structured_content["sources"]
    assert again.structured_content["evidence"]["text"] == found["text"]
    assert [(source["name"], source["documents"]) for source in sources] == [("handbook", 1)]


def test_quotes_can_be_checked_by_a_token_for_it(served: Served) -> None:
    _, token = served.key("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)
    chunk = served.call(token, "retrieve", query=QUESTION).structured_content["evidence"][0]
    citation = {"chunk_id": chunk["chunk_id"], "quote": "55 euros"}
    claims = [{"text": "The per diem abroad is 55 euros.", "citations": [citation]}]
    [claim] = served.call(token, "verify_claims", claims=claims).structured_content["claims"]
    assert claim["verdict"] == "supported"
    assert claim["citations"][0]["result"] == "quoted"
    refused = problem(served.call(served.key("ann")[1], "verify_claims", claims=claims))
    assert refused["code"] == "forbidden"


def test_absent_and_forbidden_evidence_are_one_reply(served: Served) -> None:
    shown = served.call(served.key("bob")[1], "retrieve", query="Initech closes in spring")
    hidden = shown.structured_content["evidence"][0]["chunk_id"]
    replies = []
    for asked in (hidden, ABSENT, "nonsense"):
        reply = problem(served.call(served.key("ann")[1], "get_evidence", chunk_id=asked))
        del reply["request_id"]
        replies.append(reply)
    assert replies[0]["code"] == "not_found"
    assert replies[0] == replies[1] == replies[2]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("retrieve", {}, "query"),
        ("retrieve", {"query": ""}, "query"),
        ("retrieve", {"query": "x" * 4_001}, "query"),
        ("retrieve", {"query": "a\x00b"}, "query"),
        ("retrieve", {"query": "\u00e9" * 5_000}, "query"),
        ("retrieve", {"query": "x", "limit": 999}, "limit"),
        ("retrieve", {"query": "x", "limit": 0}, "limit"),
        ("retrieve", {"query": "x", "limit": 10**6}, "limit"),
        ("retrieve", {"query": "x", "filters": {"tags": ["a"] * 10_000}}, "filters.tags"),
        ("retrieve", {"query": "x", "filters": {"language": ["de-AT"]}}, "filters.language.0"),
        ("retrieve", {"query": "x", "soruces": ["a"]}, "soruces"),
        ("retrieve", {"query": "x", "filters": {"acl": ["a"]}}, "filters.acl"),
        ("retrieve", {"query": "x", "tenant": "globex"}, "tenant"),
        ("retrieve", {"query": "x", "user": "user:bob"}, "user"),
        ("get_evidence", {}, "chunk_id"),
        ("get_evidence", {"chunk_id": "x" * 129}, "chunk_id"),
        ("list_sources", {"tenant": "globex"}, "tenant"),
        ("drop_tables", {}, "name"),
    ],
)
def test_a_bad_argument_is_named_and_its_value_is_not_repeated(
    served: Served, tool: str, arguments: dict[str, Any], field: str
) -> None:
    result = served.call(served.key("ann")[1], tool, **arguments)
    assert problem(result)["code"] == "invalid_request"
    assert [error["field"] for error in problem(result)["errors"]] == [field]
    assert "globex" not in result.content[0].text


@pytest.mark.parametrize(
    "query", ["the of and to in", "?!", "\N{SLIGHTLY SMILING FACE}" * 9, "出張の日当", "بدل السفر"]
)
def test_a_query_in_any_script_or_of_stop_words_alone_is_answered(
    served: Served, query: str
) -> None:
    told = served.call(served.key("ann")[1], "retrieve", query=query, sources=["unheard"])
    assert told.structured_content["status"] == "no_evidence"
    told = served.call(served.key("ann")[1], "retrieve", query=query)
    assert told.structured_content["status"] in {"ok", "degraded", "no_evidence"}


def test_a_failing_core_is_a_problem_without_its_words(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the secret is forty-two")

    monkeypatch.setattr(tools, "retrieve", fail)
    result = served.call(served.key("ann")[1], "retrieve", query=QUESTION)
    assert problem(result)["code"] == "internal_error"
    assert "forty-two" not in result.content[0].text


@pytest.mark.parametrize("mode", MODES)
def test_calls_and_refusals_are_counted(served: Served, mode: str) -> None:
    _, ops = served.key("operator", ApiScope.OPS)
    lines = {
        'clearance_tool_calls_total{code="ok",tool="retrieve"}': 1,
        'clearance_tool_calls_total{code="invalid_request",tool="unknown_tool"}': 1,
        'clearance_answers_total{status="ok",surface="mcp"}': 1,
        'clearance_requests_total{code="http_401",route="/mcp",status="401"}': 1,
    }

    def counts() -> dict[str, float]:
        headers = {"Authorization": f"Bearer {ops}"}
        text = httpx2.get(f"{served.url}/metrics", headers=headers, timeout=60).text
        rows = dict(row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#"))
        return {line: float(rows.get(line, 0)) for line in lines}

    before = counts()
    _, token = served.key("ann")
    served.call(token, "retrieve", mode=mode, query=QUESTION)
    served.call(token, "sell_everything", mode=mode)
    served.post()
    after = counts()
    assert {line: after[line] - before[line] for line in lines} == lines


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"source": ["handbook"]}, True),
        ({"source": ["elsewhere"]}, False),
        ({"media_type": ["text/markdown"]}, True),
        ({"media_type": ["application/pdf"]}, False),
        ({"tags": ["unheard"]}, False),
        ({"modified_at": {"since": "2000-01-01T00:00:00Z"}}, True),
        ({"modified_at": {"before": "2000-01-01T00:00:00Z"}}, False),
    ],
)
def test_filters_narrow_what_is_found(served: Served, filters: dict[str, Any], found: bool) -> None:
    result = served.call(served.key("ann")[1], "retrieve", query=QUESTION, filters=filters)
    pieces = result.structured_content["evidence"]
    assert [piece["citation"]["title"] for piece in pieces] == (["Travel"] if found else [])
    assert result.structured_content["action"] == ("answer" if found else "abstain")


def test_a_document_can_be_asked_for_by_its_id_and_a_foreign_one_is_as_absent(
    served: Served,
) -> None:
    _, ann = served.key("ann")
    _, eve = served.key("eve", tenant="globex")

    def documents(token: str, **filters: Any) -> list[str]:
        answer = served.call(token, "retrieve", query=QUESTION, filters=filters or None)
        pieces = answer.structured_content["evidence"]
        return [piece["citation"]["document_id"] for piece in pieces]

    (ours,), (theirs,) = documents(ann), documents(eve)
    assert documents(ann, document_id=[ours]) == [ours]
    assert documents(ann, document_id=[theirs]) == []
    assert documents(ann, document_id=[ours, theirs]) == [ours]
