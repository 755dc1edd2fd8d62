"""What a cleared caller gets, and that others get no more than they may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.evidence import RetrieveResponse

if TYPE_CHECKING:
    from conftest import Service

ABSENT = "3f2b8f9e-0000-4000-8000-000000000000"


def chunk_id(service: Service, name: str, query: str) -> str:
    return str(service.ask(name, query).json()["evidence"][0]["chunk_id"])


def test_a_cleared_caller_gets_cited_evidence_marked_as_untrusted(service: Service) -> None:
    reply = service.ask("ann", "per diem for trips abroad")
    answer = RetrieveResponse.model_validate(reply.json())
    best = answer.evidence[0]
    assert reply.status_code == 200
    assert answer.status == "ok"
    assert best.untrusted is True
    assert "55 euros" in best.text
    assert best.citation.title == "Travel policy"
    assert best.citation.source == "handbook"


def test_only_the_cleared_see_the_hidden_folder(service: Service) -> None:
    assert "Initech" in service.ask("bob", "merger with Initech").text
    assert "Initech closes" not in service.ask("ann", "merger with Initech").text


def test_scores_and_timings_come_only_when_asked_for(service: Service) -> None:
    plain = service.ask("ann", "per diem").json()
    asked = service.ask("ann", "per diem", include=["scores", "timings"]).json()
    assert plain["timings_ms"] == {}
    assert plain["evidence"][0]["scores"] is None
    assert {"resolve", "search", "account"} <= set(asked["timings_ms"])
    assert asked["evidence"][0]["scores"]["fused"] > 0


def test_evidence_can_be_read_again_by_its_id(service: Service) -> None:
    found = chunk_id(service, "ann", "per diem for trips abroad")
    reply = service.client.get(f"/v1/evidence/{found}", headers=service.headers("ann"))
    assert reply.status_code == 200
    assert "55 euros" in reply.json()["evidence"]["text"]


def test_absent_and_forbidden_evidence_are_one_reply_byte_for_byte(service: Service) -> None:
    hidden = chunk_id(service, "bob", "merger with Initech")
    foreign = chunk_id(service, "eve", "per diem for trips abroad")
    assert service.client.get(f"/v1/evidence/{hidden}", headers=service.headers("bob")).is_success
    replies = set()
    for asked in (hidden, foreign, ABSENT, "nonsense", "%00", "x" * 128, "caf\u00e9"):
        reply = service.client.get(
            f"/v1/evidence/{asked}", headers=service.headers("ann") | {"X-Request-ID": "same"}
        )
        headers = {k: v for k, v in reply.headers.items() if k != "date"}
        replies.add((reply.status_code, reply.content, tuple(sorted(headers.items()))))
    assert len(replies) == 1
    assert replies.pop()[0] == 404


def test_an_id_longer_than_any_is_refused(service: Service) -> None:
    reply = service.client.get(f"/v1/evidence/{'x' * 129}", headers=service.headers("ann"))
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_sources_are_named_with_the_callers_own_count(service: Service) -> None:
    counts = {}
    for name in ("ann", "bob"):
        reply = service.client.get("/v1/sources", headers=service.headers(name))
        told = {s["name"]: s["documents"] for s in reply.json()["sources"]}
        counts[name] = told["handbook"]  # other tests push to sources of their own
    assert counts == {"ann": 1, "bob": 2}


def test_a_filter_on_a_source_of_another_name_finds_nothing(service: Service) -> None:
    answer = service.ask("ann", "per diem", sources=["elsewhere"]).json()
    assert (answer["status"], answer["evidence"]) == ("no_evidence", [])


@pytest.mark.parametrize("sent", ["abc", "A.b_c-1", "x" * 64])
def test_a_safe_request_id_is_kept(service: Service, sent: str) -> None:
    reply = service.client.post(
        "/v1/retrieve",
        json={"query": "per diem"},
        headers=service.headers("ann") | {"X-Request-ID": sent},
    )
    assert reply.headers["x-request-id"] == sent
    assert reply.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "<script>", "-x", "\u00e4"])
def test_any_other_request_id_is_replaced(service: Service, sent: str) -> None:
    reply = service.client.get("/livez", headers={"X-Request-ID": sent.encode()})
    assert reply.headers["x-request-id"] != sent
    assert len(reply.headers["x-request-id"]) == 32


def test_the_same_request_id_twice_is_answered_twice(service: Service) -> None:
    headers = service.headers("ann") | {"X-Request-ID": "again"}
    replies = [
        service.client.post("/v1/retrieve", json={"query": "per diem"}, headers=headers)
        for _ in range(2)
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    # Not the whole pieces: a piece says its age, and a second may pass between the two.
    first, second = ([piece["text"] for piece in reply.json()["evidence"]] for reply in replies)
    assert first == second != []


def test_the_schema_describes_the_problem_and_the_bearer_token(service: Service) -> None:
    schema = service.client.get("/openapi.json").json()
    retrieve = schema["paths"]["/v1/retrieve"]["post"]
    assert retrieve["security"] == [{"HTTPBearer": []}]
    assert retrieve["responses"]["422"] == {"$ref": "#/components/responses/problem-422"}
    refused = schema["components"]["responses"]["problem-422"]
    assert list(refused["content"]) == ["application/problem+json"]
    assert set(schema["components"]["schemas"]["RetrieveRequest"]["properties"]) == {
        "query",
        "limit",
        "sources",
        "filters",
        "max_age_seconds",
        "min_relevance",
        "cursor",
        "at_least_as_fresh",
        "include",
    }


@pytest.mark.parametrize("path", ["/v1/sources", "/v1/evidence/x", "/livez", "/nothing"])
def test_nothing_on_the_way_may_keep_a_reply(service: Service, path: str) -> None:
    reply = service.client.get(path, headers=service.headers("ann"))
    assert reply.headers["cache-control"] == "no-store, no-transform"
    assert reply.headers["x-content-type-options"] == "nosniff"
