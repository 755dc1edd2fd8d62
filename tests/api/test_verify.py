"""Checking quotes, and feedback, over HTTP: only of what the caller may see, and nothing beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from acl.caller import ApiScope
from acl.signing import verify
from retrieval.receipt_statement import TYP
from retrieval.records import FeedbackRow

if TYPE_CHECKING:
    from conftest import Service
    from httpx2 import Response

NOWHERE = "00000000-0000-4000-8000-000000000000"
QUESTION = "per diem for trips abroad"
SECRET = "merger with Initech"
CLAIM = {"text": "It is so.", "citations": [{"chunk_id": NOWHERE}]}
MALFORMED = ("nonsense", "\0", "x" * 128, "caf\u00e9")


def post(service: Service, path: str, token: str, body: object) -> Response:
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "same"}
    return service.client.post(path, json=body, headers=headers)


@pytest.fixture(scope="module")
def ann(service: Service) -> str:
    """A token of ann's that may check."""
    return service.token("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)


def chunk_of(service: Service, name: str, query: str = QUESTION) -> str:
    return str(service.ask(name, query).json()["evidence"][0]["chunk_id"])


def receipt_of(service: Service, name: str) -> str:
    jwks = service.client.get("/.well-known/jwks.json").json()
    return str(verify(service.ask(name, QUESTION).json()["receipt"], jwks, typ=TYP)["jti"])


def check(service: Service, token: str, **citation: object) -> dict[str, Any]:
    """What the check of one citation finds."""
    body = {"claims": [{"text": "It is so.", "citations": [citation]}]}
    reply = post(service, "/v1/verify", token, body)
    assert reply.status_code == 200, reply.text
    [claim] = reply.json()["claims"]
    return dict(claim["citations"][0])


@pytest.mark.parametrize(
    ("quote", "result"),
    [
        ("The per diem for trips abroad is 55 euros a day.", "quoted"),
        ("The per diem for trips abroad is 56 euros a day.", "altered"),
        ("The per diem for trips abroad is not 55 euros a day.", "altered"),
        ("Nobody may travel in the month of August.", "misquoted"),
        ("...", "misquoted"),
        ("Travel policy ... 55 euros a day", "stitched"),
        (None, "unquoted"),
    ],
)
def test_a_quote_is_held_to_the_evidence(
    service: Service, ann: str, quote: str | None, result: str
) -> None:
    quoted = {} if quote is None else {"quote": quote}
    assert check(service, ann, chunk_id=chunk_of(service, "ann"), **quoted)["result"] == result


def test_a_piece_can_be_cited_by_the_receipt_of_its_answer(service: Service, ann: str) -> None:
    receipt = receipt_of(service, "ann")
    found = check(service, ann, receipt_id=receipt, evidence="e1", quote="55 euros a day")
    assert found["result"] == "quoted"
    assert found["end"] - found["start"] == len("55 euros a day")
    assert check(service, ann, receipt_id=receipt, evidence="e99")["result"] == "not_found"


def test_hidden_foreign_and_invented_citations_are_one_reply_byte_for_byte(
    service: Service, ann: str
) -> None:
    hidden = chunk_of(service, "bob", SECRET)
    cited = [
        {"chunk_id": ident} for ident in (hidden, chunk_of(service, "eve"), NOWHERE, *MALFORMED)
    ]
    cited += [
        {"receipt_id": ident, "evidence": "e1"}
        for ident in (receipt_of(service, "bob"), receipt_of(service, "eve"), NOWHERE, *MALFORMED)
    ]
    replies = set()
    for one in cited:
        for quote in ("The merger with Initech closes in the third quarter.", "x"):
            body = {"claims": [{"text": "So.", "citations": [{**one, "quote": quote}]}]}
            reply = post(service, "/v1/verify", ann, body)
            headers = {name: value for name, value in reply.headers.items() if name != "date"}
            replies.add((reply.status_code, reply.content, tuple(sorted(headers.items()))))
    assert len(replies) == 1
    assert b'"not_found"' in replies.pop()[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "claims"),
        ({"claims": []}, "claims"),
        ({"claims": [{"text": "", "citations": [{"chunk_id": "x"}]}]}, "claims.0.text"),
        ({"claims": [{"text": "x", "citations": []}]}, "claims.0.citations"),
        ({"claims": [{"text": "x", "citations": [{}]}]}, "claims.0.citations.0"),
        (
            {"claims": [{"text": "x", "citations": [{"chunk_id": "x", "receipt_id": "y"}]}]},
            "claims.0.citations.0",
        ),
        ({"claims": [{"text": "x", "citations": [{"receipt_id": "y"}]}]}, "claims.0.citations.0"),
        ({"claims": [], "tenant": "globex"}, "tenant"),
        ({"claims": [{"text": "x", "citations": [{"chunk_id": "x"}]}] * 51}, "claims"),
        ({"claims": [{"text": "x", "citations": [{"chunk_id": "x"}] * 21}]}, "claims.0.citations"),
        (
            {"claims": [{"text": "x" * 3_000, "citations": [{"chunk_id": "x"}]}] * 7},
            "21000 characters together: check at most 20000",
        ),
        ({"claims": [{"text": "x" * 4_001, "citations": [{"chunk_id": "x"}]}]}, "claims.0.text"),
        (
            {"claims": [{"text": "x", "citations": [{"chunk_id": "x", "start": 4}]}]},
            "start and end",
        ),
        (
            {"claims": [{"text": "x", "citations": [{"chunk_id": "x", "start": 4, "end": 4}]}]},
            "greater than start",
        ),
        ({"claims": [CLAIM], "answer": {"text": "x", "receipt_id": "y"}}, "claims or answer"),
        ({"answer": {"text": "x"}}, "receipt_id or chunks"),
        ({"answer": {"text": "x", "chunks": {"one": "y"}}}, "answer.chunks"),
        ({"answer": {"text": "x" * 20_001, "receipt_id": "y"}}, "answer.text"),
        ({"answer": {"text": "It is. " * 51, "receipt_id": "y"}}, "51 claims: check at most 50"),
        (
            {"answer": {"text": "It is [1, 2, 3, 4, 5]. " * 50, "receipt_id": "y"}},
            "250 citations: check at most 200",
        ),
        ({"claims": [{"text": "x", "citations": [{"chunk_id": "x"}] * 20}] * 11}, "at most 200"),
        (
            {"claims": [{"text": "x", "citations": [{"receipt_id": "y", "evidence": "e0"}]}]},
            "evidence",
        ),
        (
            {"claims": [{"text": "x", "citations": [{"chunk_id": "x", "quote": "q" * 10_001}]}]},
            "quote",
        ),
    ],
)
def test_a_malformed_check_is_refused_by_name(
    service: Service, ann: str, body: object, field: str
) -> None:
    refused = post(service, "/v1/verify", ann, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert field in refused.json()["detail"]


# Feedback


def kept(service: Service, target: str) -> list[tuple[bool, str | None]]:
    with service.runtime.audit_database.read("acme") as session:
        rows = session.scalars(select(FeedbackRow).where(FeedbackRow.target_id == target))
        return [(row.useful, row.comment) for row in rows]


def test_an_opinion_is_kept_once_and_the_latest_counts(service: Service, ann: str) -> None:
    receipt = receipt_of(service, "ann")
    first = {"receipt_id": receipt, "useful": False, "comment": "Wrong year?"}
    replies = {post(service, "/v1/feedback", ann, first).content for _ in range(2)}
    assert len(replies) == 1
    assert kept(service, receipt) == [(False, "Wrong year?")]
    assert post(service, "/v1/feedback", ann, {"receipt_id": receipt, "useful": True}).is_success
    assert kept(service, receipt) == [(True, None)]


def test_each_caller_has_an_opinion_of_their_own(service: Service, ann: str) -> None:
    chunk = chunk_of(service, "ann")
    for token, useful in ((ann, True), (service.tokens["bob"], False)):
        assert post(
            service, "/v1/feedback", token, {"chunk_id": chunk, "useful": useful}
        ).is_success
    # Others may have one from tests of other modules: the service is shared.
    assert {(False, None), (True, None)} <= set(kept(service, chunk))


def test_feedback_on_what_is_absent_or_not_theirs_is_one_reply_byte_for_byte(
    service: Service, ann: str
) -> None:
    targets = [("receipt_id", receipt_of(service, name)) for name in ("bob", "eve")]
    targets += [
        ("chunk_id", chunk_of(service, "bob", SECRET)),
        ("chunk_id", chunk_of(service, "eve")),
    ]
    targets += [
        (kind, ident) for kind in ("receipt_id", "chunk_id") for ident in (NOWHERE, *MALFORMED)
    ]
    replies = set()
    for kind, ident in targets:
        before = [] if ident == "\0" else kept(service, ident)
        reply = post(service, "/v1/feedback", ann, {kind: ident, "useful": True})
        headers = {name: value for name, value in reply.headers.items() if name != "date"}
        replies.add((reply.status_code, reply.content, tuple(sorted(headers.items()))))
        assert ident == "\0" or kept(service, ident) == before
    assert len(replies) == 1
    assert replies.pop()[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"useful": True}, "body"),
        ({"receipt_id": NOWHERE}, "useful"),
        ({"receipt_id": NOWHERE, "useful": "yes"}, "useful"),
        ({"receipt_id": NOWHERE, "chunk_id": NOWHERE, "useful": True}, "body"),
        ({"receipt_id": NOWHERE, "useful": True, "comment": "x" * 1_001}, "comment"),
        ({"receipt_id": NOWHERE, "useful": True, "comment": "a\0b"}, "comment"),
        ({"receipt_id": NOWHERE, "useful": True, "user": "user:bob"}, "user"),
    ],
)
def test_malformed_feedback_is_refused_by_name(
    service: Service, ann: str, body: object, field: str
) -> None:
    refused = post(service, "/v1/feedback", ann, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert field in refused.json()["detail"]
