"""Function calling: a model's calls are carried out, and what it gets wrong comes back to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import anyio
import jsonschema_rs
import pytest

from retrieval.client import Clearance
from retrieval.integrations.functions import AsyncFunctions, Functions
from retrieval.mcp.tools import TOOLS

if TYPE_CHECKING:
    from conftest import Asked

QUESTION: Final = "What is the per diem for trips abroad?"


def called(functions: Functions, name: str, arguments: str | dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(functions.call(name, arguments)))


def test_a_model_is_shown_what_mcp_shows(client: Clearance) -> None:
    shown = {one["function"]["name"]: one["function"] for one in Functions(client).schemas()}
    assert shown.keys() == TOOLS.keys()
    for name, tool in TOOLS.items():
        listed = tool.describe()
        assert shown[name]["description"] == listed.description
        own, theirs = shown[name]["parameters"], dict(listed.input_schema)
        assert own == {key: theirs[key] for key in own}
        jsonschema_rs.validator_for(own)  # it is a schema
        assert own["additionalProperties"] is False


def test_the_later_form_holds_the_same(client: Clearance) -> None:
    functions = Functions(client)
    flat = functions.schemas(style="responses")
    assert [{"type": "function", **one["function"]} for one in functions.schemas()] == flat


def test_a_call_brings_the_answer_without_the_signed_statement(client: Clearance) -> None:
    arguments = json.dumps({"query": QUESTION, "limit": 2})
    answer = called(Functions(client), "retrieve", arguments)
    assert "55 euros" in answer["evidence"][0]["text"]
    assert answer["evidence"][0]["untrusted"] is True
    assert answer["action"] == "answer"
    assert (answer["receipt"], bool(answer["receipt_id"])) == ("", True)


def test_a_draft_is_written_from_evidence_and_checked(client: Clearance) -> None:
    functions = Functions(client)
    piece = called(functions, "retrieve", {"query": QUESTION})["evidence"][0]
    around = called(functions, "get_evidence", {"chunk_id": piece["chunk_id"]})
    assert around["evidence"]["text"] == piece["text"]
    claim = {
        "text": "The per diem for trips abroad is 55 euros.",
        "citations": [{"chunk_id": piece["chunk_id"], "quote": "55 euros"}],
    }
    (checked,) = called(functions, "verify_claims", {"claims": [claim]})["claims"]
    assert checked["verdict"] == "supported"
    assert [one["name"] for one in called(functions, "list_sources", "")["sources"]] == ["handbook"]


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("send_mail", "{}", "name"),
        ("retrieve", "{", "arguments"),
        ("retrieve", "[1]", "arguments"),
        ("retrieve", "[" * 100_000, "arguments"),
        ("retrieve", "{}", "query"),
        ("retrieve", '{"query": "x", "limit": "many"}', "limit"),
        ("retrieve", '{"query": "x", "tenant": "other"}', "tenant"),
        ("retrieve", '{"query": "x", "filters": {"acl": ["a"]}}', "filters.acl"),
        ("get_evidence", '{"chunk_id": 5}', "chunk_id"),
        ("list_sources", '{"user": "user:bob"}', "user"),
        ("verify_claims", '{"claims": []}', "claims"),
    ],
)
def test_what_a_model_gets_wrong_is_told_to_it_by_field(
    client: Clearance, name: str, arguments: str, field: str
) -> None:
    told = called(Functions(client), name, arguments)
    assert told["code"] == "invalid_request"
    assert list(told["errors"]) == [field]


def test_what_the_service_refuses_is_told_too(client: Clearance) -> None:
    told = called(Functions(client), "get_evidence", {"chunk_id": "of nothing"})
    assert told["code"] == "not_found"


def test_a_service_that_is_away_is_told_without_its_address() -> None:
    with Clearance("http://127.0.0.1:9", "t", attempts=1) as away:
        said = Functions(away).call("list_sources", "{}")
    assert json.loads(said)["code"] == "not_reached"
    assert "127.0.0.1" not in said


def test_what_is_set_is_neither_offered_nor_taken(client: Clearance) -> None:
    functions = Functions(client, names=["retrieve"], sources=["other"])
    (offered,) = functions.schemas()
    assert "sources" not in offered["function"]["parameters"]["properties"]
    assert called(functions, "retrieve", {"query": QUESTION})["evidence"] == []
    told = called(functions, "retrieve", {"query": QUESTION, "sources": ["handbook"]})
    assert list(told["errors"]) == ["sources"]
    assert called(functions, "list_sources", {})["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("given", "named"),
    [({"names": ["sell"]}, "names"), ({"tenant": "other"}, "tenant"), ({"query": "x"}, "query")],
)
def test_what_cannot_be_set_is_named(client: Clearance, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        Functions(client, **given)


def test_calls_can_be_awaited(asked: Asked) -> None:
    async def ask() -> tuple[str, str]:
        async with asked.awaited() as client:
            functions = AsyncFunctions(client)
            good = await functions.call("retrieve", {"query": QUESTION})
            return good, await functions.call("retrieve", {})

    good, bad = anyio.run(ask)
    assert "55 euros" in good
    assert json.loads(bad)["code"] == "invalid_request"
