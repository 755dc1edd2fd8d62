"""Whatever is sent to ``/mcp``, the reply is clear, never 5xx, and tells nothing of the inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.mcp.tools import TOOLS

if TYPE_CHECKING:
    from tests.e2e.served import Served

MODERN: Final = "2026-07-28"
_INSIDE: Final = ("Traceback", 'File "', "/retrieval/", "site-packages", "pydantic.dev", "sqlite")
_SECRET: Final = "zanzibar quokka"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
METHODS: Final = (
    *("initialize", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get"),
    *("resources/list", "resources/read", "resources/subscribe", "completion/complete"),
    *("logging/setLevel", "sampling/createMessage", "notifications/initialized", "rpc.discover"),
    *("server/discover", "subscriptions/listen", "tasks/get", "", "../tools/call"),
)
calls = st.fixed_dictionaries(
    {"name": st.sampled_from((*TOOLS, "drop_tables", "")), "arguments": anything},
    optional={"_meta": anything, "extra": anything},
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(("2.0", "1.0", 2, None)), "method": st.sampled_from(METHODS)},
    optional={"id": anything, "params": calls | anything, "extra": anything},
)


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    return served.key("ann")[1]


def is_clear(reply: httpx2.Response) -> bool:
    """Not our failure, JSON if it says anything, and nothing of the inside in it."""
    assert reply.status_code < 500, reply.text
    assert not any(words in reply.text for words in _INSIDE), reply.text
    if reply.content:
        told = reply.json()
        errors = [one.get("error") for one in (told if isinstance(told, list) else [told])]
        assert all("internal" not in str(one).lower() for one in errors), reply.text
    return True


@settings(max_examples=60)
@given(message=messages | anything)
def test_messages_of_any_shape_get_a_clear_reply(served: Served, token: str, message: Any) -> None:
    content = json.dumps(message).encode()
    assert is_clear(served.post(content, Authorization=f"Bearer {token}"))


@settings(max_examples=30)
@given(arguments=calls, version=st.sampled_from((MODERN, "2025-11-25", "2025-06-18", "1999-01-01")))
def test_calls_with_any_arguments_get_a_clear_reply(
    served: Served, token: str, arguments: Any, version: str
) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}
    headers = {"Authorization": f"Bearer {token}", "MCP-Protocol-Version": version}
    assert is_clear(served.post(json.dumps(message).encode(), **headers))


CALL: Final = {"name": "list_sources", "arguments": {}}
ODD: Final[dict[str, bytes]] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe{}",
    "a NUL": b'{"jsonrpc": "2.0", "id": 1, "method": "tools\x00/call"}',
    "half a surrogate": b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}',
    "a batch": json.dumps([{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (1, 2)]).encode(),
    "an empty batch": b"[]",
    "a huge number as id": b'{"jsonrpc": "2.0", "id": 1' + b"0" * 5_000 + b', "method": "ping"}',
    "a long id": b'{"jsonrpc": "2.0", "id": "' + b"a" * 50_000 + b'", "method": "ping"}',
    "a fraction as id": b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}',
    "infinity": b'{"jsonrpc": "2.0", "id": 1e999, "method": "ping"}',
    "not a number": b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}',
    "a key twice": b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/list"}',
    "deep nesting": b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": '
    + b"[" * 20_000
    + b"]" * 20_000
    + b"}",
    "deep arguments": b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": '
    b'"retrieve", "arguments": {"query": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}}}",
    "many arguments": json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {**CALL, "arguments": {f"a{n}": n for n in range(3_000)}},
        }
    ).encode(),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_what_is_hardly_a_message_gets_a_clear_reply(
    served: Served, token: str, content: bytes
) -> None:
    assert is_clear(served.post(content, Authorization=f"Bearer {token}"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
        {"Accept": "text/html"},
        {"Accept": ""},
        {"MCP-Protocol-Version": "next"},
        {"MCP-Protocol-Version": "9" * 4_000},
        {"Mcp-Session-Id": "../../etc/passwd"},
        {"Last-Event-ID": "-1"},
        {"Content-Encoding": "gzip"},
    ],
    ids=lambda headers: "{}={:.20}".format(*next(iter(headers.items()))),
)
def test_odd_headers_get_a_clear_reply(served: Served, token: str, headers: dict[str, str]) -> None:
    assert is_clear(served.post(Authorization=f"Bearer {token}", **headers))


def test_what_is_sent_wrongly_is_not_repeated(served: Served, token: str) -> None:
    for params in (
        {"name": "retrieve", "arguments": {"query": "x", "limit": _SECRET}},
        {"name": "retrieve", "arguments": {"query": {"x": _SECRET}}},
        {"name": "get_evidence", "arguments": {"chunk_id": [_SECRET]}},
    ):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        reply = served.post(json.dumps(message).encode(), Authorization=f"Bearer {token}")
        assert is_clear(reply)
        assert _SECRET not in reply.text


def test_other_methods_of_http_are_refused(served: Served, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        reply = httpx2.request(method, f"{served.url}/mcp", headers=headers, timeout=10)
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST"), method
        assert reply.json()["code"] == "method_not_allowed"


def test_after_all_that_the_service_answers(served: Served, token: str) -> None:
    assert not served.call(token, "list_sources").is_error
