"""The Python client: what the service says, typed; refusals told apart; patient, and not rash."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx
import pytest
import stamina
from pydantic import ValidationError

from acl.caller import ApiScope
from ingestion.push_source import keep_push_source
from retrieval.api.app import create_app
from retrieval.client import (
    AsyncClearance,
    Clearance,
    NotReachedError,
    RefusedError,
    UnreadableReplyError,
    batch,
)
from retrieval.client.frames import COLUMNS
from tests.support.web import serving

if TYPE_CHECKING:
    from conftest import Service

QUESTION: Final = "What is the per diem for trips abroad?"
UNAVAILABLE: Final = {
    "status": 503,
    "code": "index_unavailable",
    "detail": "try again",
    "request_id": "r1",
}
EMPTY: Final = {"request_id": "r2", "sources": [], "added_later": True}

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def url(service: Service) -> Iterator[str]:
    with serving(create_app(service.runtime)) as address:
        yield address


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    """Attempts as in earnest, without the time between them."""
    stamina.set_testing(True, attempts=9, cap=True)
    yield
    stamina.set_testing(False)


class Asked:
    """A client of either kind, called in one way."""

    def __init__(self, kind: str, *given: str, **options: Any) -> None:
        self._kind = kind
        handler = options.pop("handler", None)
        if handler is not None:
            options["transport"] = httpx.MockTransport(handler)
        self._given, self._options = given, options

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if self._kind == "waits":
                with Clearance(*self._given, **self._options) as client:
                    result = getattr(client, name)(*args, **named)
                    return list(result) if isinstance(result, Iterator) else result

            async def awaited() -> Any:
                async with AsyncClearance(*self._given, **self._options) as client:
                    result = getattr(client, name)(*args, **named)
                    return (
                        await result
                        if isinstance(result, Awaitable)
                        else [it async for it in result]
                    )

            return anyio.run(awaited)

        return call


@pytest.fixture(params=["waits", "awaited"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def scripted(*replies: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """Replies in turn, and what was asked."""
    waiting, asked = deque(replies), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        reply = waiting.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply

    return handle, asked


def test_an_answer_is_what_the_service_says(service: Service, url: str, kind: str) -> None:
    answer = Asked(kind, url, service.tokens["ann"]).retrieve(QUESTION, limit=2)
    said = service.ask("ann", QUESTION, limit=2).json()
    assert [piece.text for piece in answer.evidence] == [it["text"] for it in said["evidence"]]
    assert answer.view == said["view"]
    assert "55 euros" in answer.evidence[0].text


def test_whose_view_it_is_hangs_on_the_token_alone(service: Service, url: str, kind: str) -> None:
    (piece, *_) = Asked(kind, url, service.tokens["eve"]).retrieve(QUESTION).evidence
    assert "99 dollars" in piece.text
    with pytest.raises(ValidationError, match="tenant"):
        Asked(kind, url, service.tokens["eve"]).retrieve(QUESTION, tenant="acme")


def test_evidence_sources_receipts_and_feedback_can_be_asked_for(
    service: Service, url: str, kind: str
) -> None:
    client = Asked(kind, url, service.tokens["bob"])
    answer = client.retrieve("When does the merger close?", sources=["handbook"])
    chunk = answer.evidence[0].chunk_id
    assert client.get_evidence(chunk).evidence.chunk_id == chunk
    assert [source.name for source in client.list_sources().sources] == ["handbook"]
    assert client.receipt_status(answer.receipt_id).receipt_id == answer.receipt_id
    assert client.give_feedback(useful=True, chunk_id=chunk).status == "recorded"


def test_claims_are_checked(service: Service, url: str, kind: str) -> None:
    token = service.token("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)
    client = Asked(kind, url, token)
    (piece, *_) = client.retrieve(QUESTION).evidence
    claim = {"text": "The per diem is 55 euros.", "citations": [{"chunk_id": piece.chunk_id}]}
    (checked,) = client.verify(claims=[claim]).claims
    assert checked.verdict == "supported"


def test_a_refusal_says_what_was_wrong_and_never_the_token(
    service: Service, url: str, kind: str
) -> None:
    with pytest.raises(RefusedError) as absent:
        Asked(kind, url, service.tokens["ann"]).get_evidence("no/such")
    assert (absent.value.status, absent.value.code) == (404, "not_found")
    assert absent.value.request_id
    secret = "clr_secret"
    with pytest.raises(RefusedError) as stranger:
        Asked(kind, url, secret).list_sources()
    assert stranger.value.status == 401
    assert (
        secret not in f"{stranger.value} {Clearance(url, secret)!r} {AsyncClearance(url, secret)!r}"
    )


def test_a_question_that_cannot_be_is_not_sent(kind: str) -> None:
    handle, asked = scripted()
    with pytest.raises(ValidationError, match="limit"):
        Asked(kind, "http://x", "t", handler=handle).retrieve("?", limit=0)
    assert not asked


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": "example.org", "token": "t"}, "url"),
        ({"url": "http://x", "token": ""}, "token"),
        ({"url": "http://x", "token": "t\n"}, "token"),
        ({"url": "http://x", "token": "t", "timeout": 0}, "timeout"),
        ({"url": "http://x", "token": "t", "attempts": 0}, "attempts"),
    ],
)
def test_a_client_that_cannot_be_names_what_is_wrong(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        Clearance(**given)


def test_address_and_token_come_from_the_environment(
    service: Service, url: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_URL", url + "/")
    monkeypatch.setenv("CLEARANCE_TOKEN", service.tokens["ann"])
    assert Asked(kind).list_sources().sources


def test_a_service_that_is_busy_or_away_is_asked_again(kind: str) -> None:
    busy = httpx.Response(503, json=UNAVAILABLE, headers={"Retry-After": "0"})
    away = httpx.ConnectError("nobody there")
    handle, asked = scripted(busy, away, httpx.Response(200, json=EMPTY))
    assert Asked(kind, "http://x", "t", handler=handle).list_sources().sources == []
    assert len(asked) == 3


def test_asking_again_ends(kind: str) -> None:
    handle, asked = scripted(*(httpx.Response(503, json=UNAVAILABLE) for _ in range(9)))
    with pytest.raises(RefusedError, match="index_unavailable"):
        Asked(kind, "http://x", "t", handler=handle, attempts=2).list_sources()
    assert len(asked) == 2


@pytest.mark.parametrize(("status", "headers"), [(403, {}), (503, {"Retry-After": "3600"})])
def test_what_will_not_pass_soon_is_not_asked_again(
    kind: str, status: int, headers: dict[str, str]
) -> None:
    said = httpx.Response(status, json={**UNAVAILABLE, "status": status}, headers=headers)
    handle, asked = scripted(said)
    with pytest.raises(RefusedError):
        Asked(kind, "http://x", "t", handler=handle).list_sources()
    assert len(asked) == 1


def test_a_pause_may_be_given_as_a_moment_of_the_service_own_clock(kind: str) -> None:
    when = {"Date": "Mon, 02 Mar 2026 09:00:00 GMT", "Retry-After": "Mon, 02 Mar 2026 09:00:07 GMT"}
    handle, _ = scripted(httpx.Response(503, json=UNAVAILABLE, headers=when))
    with pytest.raises(RefusedError) as error:
        Asked(kind, "http://x", "t", handler=handle, attempts=1).list_sources()
    assert error.value.retry_after == 7


def test_a_delivery_that_is_sent_again_is_known_again(kind: str) -> None:
    done = {"id": "a/b", "document_id": "d", "status": "accepted"}
    away = httpx.ReadTimeout("no answer")
    handle, asked = scripted(away, httpx.Response(200, json=done), httpx.Response(200, json=done))
    client = Asked(kind, "http://x", "t", handler=handle)
    client.put_document("feed", "a/b", {"text": "…", "acl": "all"})
    client.put_document("feed", "a/b", {"text": "…", "acl": "all"})
    first, again, other = (one.headers["Idempotency-Key"] for one in asked)
    assert first == again != other
    assert asked[0].url.raw_path == b"/v1/sources/feed/documents/a%2Fb"


def test_the_token_does_not_follow_to_where_a_reply_points(kind: str) -> None:
    handle, asked = scripted(httpx.Response(302, headers={"Location": "http://elsewhere/"}))
    with pytest.raises(UnreadableReplyError):
        Asked(kind, "http://x", "t", handler=handle).list_sources()
    assert [one.url.host for one in asked] == ["x"]


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"status": "x"}', b"[]"])
@pytest.mark.parametrize("status", [200, 400])
def test_a_reply_of_something_else_is_told_as_such(kind: str, status: int, content: bytes) -> None:
    handle, _ = scripted(httpx.Response(status, content=content))
    with pytest.raises(UnreadableReplyError, match="url"):
        Asked(kind, "http://x", "t", handler=handle).list_sources()


def test_a_proxy_that_misses_the_service_is_no_refusal_of_the_service(kind: str) -> None:
    handle, asked = scripted(*(httpx.Response(502, content=b"<html>") for _ in range(3)))
    with pytest.raises(NotReachedError):
        Asked(kind, "http://x", "t", handler=handle).list_sources()
    assert len(asked) == 3


def test_documents_are_delivered_in_batches_and_each_is_told(
    service: Service, url: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_LINES", 2)
    feed = f"feed-{kind}"
    keep_push_source(service.runtime.ingest_context(), "acme", feed)
    token = service.token("pusher", ApiScope.INGEST)
    everyone = {"allow": ["group:staff"]}
    documents = [
        {"id": "one", "text": f"The {kind} canteen opens at noon.", "acl": everyone},
        {"id": "two", "text": "no acl"},
        {"id": "three", "text": "The lift is out of order.", "acl": everyone},
        {"id": "three", "delete": True},
    ]
    client = Asked(kind, url, token)
    told = client.push_documents(feed, iter(documents))
    assert [one.external_id for one in told] == ["one", "two", "three", "three"]
    assert [one.status for one in told] == ["accepted", None, "accepted", "accepted"]
    assert told[1].problem is not None
    assert "acl" in str(told[1].problem.fields)
    found = Asked(kind, url, service.tokens["ann"]).retrieve(f"When does the {kind} canteen open?")
    assert told[0].document_id in {piece.citation.document_id for piece in found.evidence}
    assert client.put_document(feed, "four", {"text": "Four.", "acl": everyone}).id == "four"
    assert client.delete_document(feed, "four", sequence=5).id == "four"
    client.delete_document(feed, "one")  # the service is shared by the tests of other modules


def test_a_batch_that_breaks_off_tells_what_is_known_and_then_says_so() -> None:
    sent = batch.Batch(("one", "two"), b"")
    results = batch.told(sent, b'{"line":1,"document_id":"d","status":"accepted"}\n')
    assert next(results).external_id == "one"
    with pytest.raises(UnreadableReplyError, match="deliver again"):
        next(results)


@pytest.mark.parametrize("document", [{}, {"id": ""}, {"id": "a", "text": {1}}])
def test_a_document_that_cannot_be_sent_is_named_by_its_number(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="document 2"):
        list(batch.lines_of([{"id": "good"}, document]))


def test_an_answer_becomes_a_table_with_the_same_columns_when_it_is_empty(
    service: Service, url: str
) -> None:
    pytest.importorskip("pandas")
    with Clearance(url, service.tokens["ann"]) as client:
        full = client.retrieve(QUESTION).to_frame()
        none = client.retrieve(QUESTION, min_relevance=1).to_frame()
    assert list(full.columns) == list(none.columns) == list(COLUMNS)
    assert len(none) == 0
    assert full.iloc[0]["source"] == "handbook"
    assert str(full["checked_at"].dtype).startswith("datetime64")
