"""Whatever is sent, the reply is one clear problem that names the field and repeats no value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.api.boundary import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service
    from httpx2 import Response

JSON = "application/json"
CANARY = "canary-7f3a"


def post(service: Service, body: bytes, *, content_type: str | None = JSON) -> Response:
    headers = service.headers("ann")
    if content_type is not None:
        headers |= {"Content-Type": content_type}
    return service.client.post("/v1/retrieve", content=body, headers=headers)


def problem(reply: Response) -> dict[str, object]:
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(body)
    assert body["status"] == reply.status_code
    assert body["type"].endswith(f":{body['code']}")
    assert body["request_id"] == reply.headers["x-request-id"]
    return dict(body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.query"),
        ({"query": ""}, "body.query"),
        ({"query": "   "}, "body.query"),
        ({"query": None}, "body.query"),
        ({"query": 7}, "body.query"),
        ({"query": [CANARY]}, "body.query"),
        ({"query": "x" * 4_001}, "body.query"),
        ({"query": f"{CANARY}\x00"}, "body.query"),
        ({"query": f"{CANARY}\x1b[31m"}, "body.query"),
        ({"query": "x", "limit": 0}, "body.limit"),
        ({"query": "x", "limit": 51}, "body.limit"),
        ({"query": "x", "limit": CANARY}, "body.limit"),
        ({"query": "x", "limit": 1.5}, "body.limit"),
        ({"query": "x", "sources": []}, "body.sources"),
        ({"query": "x", "sources": CANARY}, "body.sources"),
        ({"query": "x", "sources": [""]}, "body.sources.0"),
        ({"query": "x", "sources": ["a"] * 101}, "body.sources"),
        ({"query": "x", "max_age_seconds": -1}, "body.max_age_seconds"),
        ({"query": "x", "min_relevance": 1.1}, "body.min_relevance"),
        ({"query": "x", "include": [CANARY]}, "body.include.0"),
        ({"query": "x", "soruces": ["a"]}, "body.soruces"),
        ({"query": "x", "filters": {"acl": ["a"]}}, "body.filters.acl"),
    ],
)
def test_a_malformed_field_is_named_and_its_value_is_not_repeated(
    service: Service, body: dict[str, object], field: str
) -> None:
    reply = post(service, json.dumps(body).encode())
    found = problem(reply)
    assert (reply.status_code, found["code"]) == (422, "invalid_request")
    named = found["errors"]
    assert isinstance(named, list)
    assert [error["field"] for error in named] == [field]
    assert field in str(found["detail"])
    assert CANARY not in reply.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"query": "x"', 422),
        (b"[1]", 422),
        (b'"x"', 422),
        (b"null", 422),
        (b'{"query": "x", "limit": NaN}', 422),
        (b'{"query": "x", "min_relevance": Infinity}', 422),
        (b'{"query": "x", "min_relevance": NaN}', 422),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "x", "sources": ["\\ud800"]}', 422),
        (b'{"query": "\xff\xfe"}', 400),
        (b"\x00\x01\x02", 422),
        (b"[" * 20_000, 400),
        (b'{"query":' * 5_000, 400),
        (b'{"query": "x", "limit": ' + b"9" * 5_000 + b"}", 400),
    ],
)
def test_what_is_no_json_of_ours_is_refused(service: Service, body: bytes, status: int) -> None:
    reply = post(service, body)
    assert problem(reply)["code"] == "invalid_request"
    assert reply.status_code == status


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/xml", "json"],
)
def test_a_body_not_declared_as_json_is_refused(service: Service, content_type: str | None) -> None:
    reply = post(service, b'{"query": "per diem"}', content_type=content_type)
    assert reply.status_code == 415
    assert problem(reply)["code"] == "unsupported_media_type"


def test_a_declared_charset_is_fine(service: Service) -> None:
    reply = post(service, b'{"query": "per diem"}', content_type="application/json; charset=utf-8")
    assert reply.status_code == 200


def test_a_body_that_declares_itself_too_large_is_refused(service: Service) -> None:
    reply = post(service, b" " * (MAX_BODY_BYTES + 1))
    assert problem(reply)["code"] == "payload_too_large"
    assert reply.status_code == 413


def test_what_a_body_declares_is_enough_to_refuse_it_unread(service: Service) -> None:
    headers = service.headers("ann") | {"Content-Type": JSON, "Content-Length": "999999"}
    reply = service.client.post("/v1/retrieve", content=b'{"query": "x"}', headers=headers)
    assert problem(reply)["code"] == "payload_too_large"


def test_a_chunked_body_is_refused_once_it_is_too_large(service: Service) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    headers = service.headers("ann") | {"Content-Type": JSON}
    reply = service.client.post("/v1/retrieve", content=chunks(), headers=headers)
    assert "content-length" not in reply.request.headers
    assert problem(reply)["code"] == "payload_too_large"


def test_the_largest_legal_request_fits(service: Service) -> None:
    body = {"query": "\U0001f9ea" * 4_000, "sources": ["\u00e4" * 256] * 5}
    assert post(service, json.dumps(body).encode()).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/retrieve"), ("GET", "/v1/sources"), ("GET", "/v1/evidence/x")],
)
def test_an_unknown_query_parameter_is_refused_and_named(
    service: Service, method: str, path: str
) -> None:
    reply = service.client.request(
        method,
        f"{path}?max_age={CANARY}",
        json={"query": "x"} if method == "POST" else None,
        headers=service.headers("ann"),
    )
    assert reply.status_code == 422
    assert "query.max_age" in str(problem(reply)["detail"])
    assert CANARY not in reply.text


def test_the_name_of_an_unknown_field_is_shown_short_and_printable(service: Service) -> None:
    reply = post(service, json.dumps({"query": "x", "\x1b[31m\u202e" + "n" * 999: 1}).encode())
    detail = str(problem(reply)["detail"])
    assert detail.isprintable()
    assert len(detail) < 200


def test_many_bad_fields_make_a_short_reply(service: Service) -> None:
    reply = post(service, json.dumps({f"f{i}": 1 for i in range(3_000)}).encode())
    assert reply.status_code == 422
    assert len(reply.content) < 5_000


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/v1/retrieve/", 404, "not_found"),
        ("GET", "/v1/retrieve", 405, "method_not_allowed"),
        ("DELETE", "/v1/sources", 405, "method_not_allowed"),
    ],
)
def test_unknown_paths_and_methods_are_problems_too(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    reply = service.client.request(method, path, headers=service.headers("ann"))
    assert reply.status_code == status
    assert problem(reply)["code"] == code
    assert ("allow" in reply.headers) == (status == 405)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text() | st.sampled_from(["query", "limit", "sources", "include"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_whatever_makes_the_service_fail(service: Service, body: object) -> None:
    reply = post(service, json.dumps(body).encode("utf-8", "surrogatepass"))
    assert reply.status_code in {200, 400, 422}
    if reply.status_code != 200:
        problem(reply)
