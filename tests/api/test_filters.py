"""Filters over HTTP: they narrow; malformed ones are named with a remedy; nothing is a 500."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.filters import MAX_FILTER_VALUES
from retrieval.query import MAX_LIMIT, MAX_QUERY_CHARS

if TYPE_CHECKING:
    from datetime import datetime

    from conftest import Service
    from httpx2 import Response

CANARY = "canary-7f3a"
PER_DIEM = "What is the per diem for trips abroad?"


def post(service: Service, body: object) -> Response:
    headers = service.headers("ann") | {"Content-Type": "application/json"}
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    return service.client.post("/v1/retrieve", content=content, headers=headers)


def datetime_text(at: datetime) -> str:
    return f"{at.isoformat()}Z"


def documents(service: Service, name: str, **request: Any) -> list[str]:
    reply = service.ask(name, PER_DIEM, min_relevance=0, **request)
    assert reply.status_code == 200, reply.text
    return [piece["citation"]["title"] for piece in reply.json()["evidence"]]


def test_a_filter_narrows_an_answer(service: Service) -> None:
    # Tests of other modules may have left documents of theirs in the service.
    everything = set(documents(service, "ann"))
    piece = service.ask("ann", PER_DIEM).json()["evidence"][0]
    mine = piece["citation"]["document_id"]
    modified = piece["freshness"]["modified_at"]
    for matching in (
        {"document_id": [mine]},
        {"media_type": ["text/markdown"]},
        {"media_type": ["Text/Markdown", "text/html"], "source": ["handbook"]},
        {"modified_at": {"since": modified}},
        {"modified_at": {"since": "2000-01-01T00:00:00+02:00", "before": "2199-12-31T23:59:59Z"}},
    ):
        kept = documents(service, "ann", filters=matching)
        assert "Travel policy" in kept, matching
        assert set(kept) <= everything, matching
    assert documents(service, "ann", filters={"document_id": [mine]}) == ["Travel policy"]
    for other in (
        {"media_type": ["application/pdf"]},
        {"modified_at": {"before": modified}},
        {"modified_at": {"since": "2199-01-01T00:00:00Z"}},
        {"document_id": [mine], "source": ["unheard"]},
        {"tags": ["unheard"]},
        {"language": ["de"]},
    ):
        assert "Travel policy" not in documents(service, "ann", filters=other), other


def test_a_hidden_document_answers_a_filter_as_one_that_does_not_exist(service: Service) -> None:
    hidden = service.ask("bob", "When does the merger close?", min_relevance=0).json()["evidence"]
    (secret,) = {p["citation"]["document_id"] for p in hidden if p["citation"]["title"] == "Merger"}
    answers = []
    for ident in (secret, "00000000-0000-4000-8000-000000000000"):
        body = service.ask("ann", PER_DIEM, filters={"document_id": [ident]}).json()
        answers.append({key: body[key] for key in body if not key.startswith(("rec", "request"))})
    assert answers[0] == answers[1]
    assert answers[0]["evidence"] == []


@pytest.mark.parametrize(
    ("filters", "field", "remedy"),
    [
        ({}, "body.filters", "give one of source, document_id, media_type, tags, language"),
        ({"tag": [CANARY]}, "body.filters.tag", "no such field"),
        ({"tags": []}, "body.filters.tags", "at least 1"),
        ({"tags": CANARY}, "body.filters.tags", "list"),
        ({"tags": [" "]}, "body.filters.tags.0", "at least one character"),
        ({"tags": [CANARY * 9]}, "body.filters.tags.0", "at most 64"),
        ({"tags": ["a"] * 10_000}, "body.filters.tags", "at most 100"),
        ({"language": ["de-AT"]}, "body.filters.language.0", "without a region"),
        ({"language": [CANARY]}, "body.filters.language.0", "two or three letters"),
        ({"language": [None]}, "body.filters.language.0", "string"),
        ({"tenant": [CANARY]}, "body.filters.tenant", "no such field"),
        ({"acl": [CANARY]}, "body.filters.acl", "no such field"),
        ({"source": []}, "body.filters.source", "at least 1"),
        ({"source": CANARY}, "body.filters.source", "list"),
        ({"source": [""]}, "body.filters.source.0", "at least 1"),
        ({"source": ["x" * 257]}, "body.filters.source.0", "at most 256"),
        ({"source": [7]}, "body.filters.source.0", "string"),
        ({"document_id": ["a"] * 10_000}, "body.filters.document_id", "at most 100"),
        ({"media_type": [CANARY]}, "body.filters.media_type.0", "such as text/markdown"),
        ({"media_type": ["text/html; q=1"]}, "body.filters.media_type.0", "without parameters"),
        ({"modified_at": {}}, "body.filters.modified_at", "give since, before, or both"),
        ({"modified_at": CANARY}, "body.filters.modified_at", "dictionary"),
        ({"modified_at": {"after": CANARY}}, "body.filters.modified_at.after", "no such field"),
        ({"modified_at": {"since": CANARY}}, "body.filters.modified_at.since", "2026-01-31T"),
        ({"modified_at": {"since": 1e9}}, "body.filters.modified_at.since", "2026-01-31T"),
        ({"modified_at": {"since": "1000000000"}}, "body.filters.modified_at.since", "2026-01-31"),
        ({"modified_at": {"since": "2026-01-31"}}, "body.filters.modified_at.since", "offset"),
        (
            {"modified_at": {"since": "2026-01-31T00:00"}},
            "body.filters.modified_at.since",
            "offset",
        ),
        (
            {"modified_at": {"before": "2200-01-01T00:00:00Z"}},
            "body.filters.modified_at.before",
            "2200",
        ),
        (
            {"modified_at": {"since": "2026-01-02T00:00:00Z", "before": "2026-01-01T00:00:00Z"}},
            "body.filters.modified_at",
            "since must lie before",
        ),
        ([], "body.filters", "dictionary"),
        (CANARY, "body.filters", "dictionary"),
    ],
)
def test_a_malformed_filter_is_refused_by_name_and_with_the_remedy(
    service: Service, filters: object, field: str, remedy: str
) -> None:
    reply = service.ask("ann", PER_DIEM, filters=filters)
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (422, "invalid_request")
    (error,) = problem["errors"]
    assert error["field"] == field
    assert remedy in error["message"]
    assert CANARY not in reply.text


def test_sources_are_named_once(service: Service) -> None:
    reply = service.ask("ann", PER_DIEM, sources=["handbook"], filters={"source": ["handbook"]})
    assert reply.status_code == 422
    assert "give the sources once" in reply.json()["detail"]


def test_as_many_values_as_are_allowed_work(service: Service) -> None:
    most = {
        "source": [*(f"s{number}" for number in range(MAX_FILTER_VALUES - 1)), "handbook"],
        "document_id": [f"{number:0256}" for number in range(MAX_FILTER_VALUES)],
    }
    assert documents(service, "ann", filters={"source": most["source"]}) != []
    assert documents(service, "ann", filters=most) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["source", "document_id", "media_type", "tags", "language", "modified_at", "acl", "x"]
        ),
        st.recursive(
            st.none() | st.integers() | st.text() | st.datetimes().map(datetime_text),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["since", "before", "x"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_filter_whatever_makes_the_service_fail(service: Service, filters: object) -> None:
    reply = post(service, {"query": PER_DIEM, "filters": filters})
    assert reply.status_code in {200, 422}


@pytest.mark.parametrize(
    "query",
    [
        "the of and to in",
        "a",
        "der die das und",
        "?!… --- ...",
        "\N{SLIGHTLY SMILING FACE}" * 50,
        "出張の日当はいくらですか",
        "ما هو البدل اليومي للسفر إلى الخارج؟",
        "परदेश यात्रा का दैनिक भत्ता",
        "e\u0301" * 400,
        "\u202eabroad diem per",
        "x" * MAX_QUERY_CHARS,
        "per diem " * (MAX_QUERY_CHARS // 9),
        "\U0010ffff" * MAX_QUERY_CHARS,
        "' OR 1=1 -- \\ \" ; {} [] $()",
    ],
)
def test_a_query_in_any_script_or_of_stop_words_alone_is_answered(
    service: Service, query: str
) -> None:
    reply = post(service, {"query": query})
    assert reply.status_code == 200
    assert reply.json()["status"] in {"ok", "degraded", "no_evidence"}


@pytest.mark.parametrize("query", ["x" * (MAX_QUERY_CHARS + 1), "x" * 100_000, "\u00e9" * 100_000])
def test_a_query_beyond_the_limit_is_refused_with_the_limit(service: Service, query: str) -> None:
    reply = post(service, {"query": query})
    assert reply.status_code in {413, 422}
    if reply.status_code == 422:
        assert f"at most {MAX_QUERY_CHARS}" in reply.json()["detail"]
    else:
        assert reply.json()["code"] == "payload_too_large"


@pytest.mark.parametrize("limit", [-1, 0, MAX_LIMIT + 1, 10**6, 10**30])
def test_a_limit_out_of_reach_is_refused_with_the_reach(service: Service, limit: int) -> None:
    reply = service.ask("ann", PER_DIEM, limit=limit)
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["field"] == "body.limit"
    assert ("equal to 1" if limit < 1 else f"equal to {MAX_LIMIT}") in error["message"]
