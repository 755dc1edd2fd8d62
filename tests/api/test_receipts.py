"""Receipts, exposure and replay over HTTP: who is answered, and that all others read the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acl.caller import ApiScope
from acl.signing import verify
from retrieval.receipt_statement import TYP

if TYPE_CHECKING:
    from conftest import Service
    from httpx2 import Response

NOWHERE = "00000000-0000-4000-8000-000000000000"
NONE_OF_OURS = (NOWHERE, "nonsense", "%00", "x" * 128, "caf\u00e9", "e1")
QUESTION = "per diem for trips abroad"
RECEIPT = ("/v1/receipts/{}", "/v1/receipts/{}/status")


def get(service: Service, path: str, token: str, **headers: str) -> Response:
    return service.client.get(path, headers={"Authorization": f"Bearer {token}", **headers})


def receipt_of(service: Service, name: str) -> dict[str, Any]:
    """What the receipt of an answer to ``name`` states."""
    jwks = service.client.get("/.well-known/jwks.json").json()
    return verify(service.ask(name, QUESTION).json()["receipt"], jwks, typ=TYP)


def reply(response: Response) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """All that a client could tell replies apart by, but the clock."""
    headers = {name: value for name, value in response.headers.items() if name != "date"}
    return response.status_code, response.content, tuple(sorted(headers.items()))


def test_anybody_may_read_the_keys_and_verify_with_them(service: Service) -> None:
    keys = service.client.get("/.well-known/jwks.json")
    assert keys.status_code == 200
    assert all(set(key) == {"alg", "crv", "kid", "kty", "use", "x"} for key in keys.json()["keys"])
    assert receipt_of(service, "ann")["sub"] == "user:ann"


def test_whoever_was_answered_can_read_the_receipt_and_its_status(service: Service) -> None:
    receipt = receipt_of(service, "ann")
    kept = get(service, RECEIPT[0].format(receipt["jti"]), service.tokens["ann"]).json()
    jwks = service.client.get("/.well-known/jwks.json").json()
    assert verify(kept["receipt"], jwks, typ=TYP) == receipt
    status = get(service, RECEIPT[1].format(receipt["jti"]), service.tokens["ann"]).json()
    assert status["status"] == "valid"
    assert [piece["chunk_id"] for piece in status["citations"]] == [
        cited["chunk_id"] for cited in receipt["citations"]
    ]


@pytest.mark.parametrize("path", RECEIPT)
def test_a_receipt_that_is_absent_or_anothers_is_one_reply_byte_for_byte(
    service: Service, path: str
) -> None:
    others = [receipt_of(service, name)["jti"] for name in ("bob", "eve")]
    replies = {
        reply(get(service, path.format(ident), service.tokens["ann"], **{"X-Request-ID": "same"}))
        for ident in (*others, *NONE_OF_OURS)
    }
    assert len(replies) == 1
    assert replies.pop()[0] == 404


def test_an_auditor_reads_every_receipt_of_the_tenant_and_none_of_another(
    service: Service,
) -> None:
    auditor = service.token("carol", ApiScope.RETRIEVE, ApiScope.AUDIT)
    own, foreign = receipt_of(service, "ann")["jti"], receipt_of(service, "eve")["jti"]
    assert get(service, RECEIPT[0].format(own), auditor).status_code == 200
    same = {"X-Request-ID": "same"}
    for path in (RECEIPT[0], "/v1/receipts/{}/replay"):
        absent = reply(get(service, path.format(NOWHERE), auditor, **same))
        assert reply(get(service, path.format(foreign), auditor, **same)) == absent


def test_an_auditor_asks_for_the_status_as_whoever_they_are(service: Service) -> None:
    auditor = service.token("carol", ApiScope.RETRIEVE, ApiScope.AUDIT)
    receipt = receipt_of(service, "ann")["jti"]
    assert get(service, RECEIPT[1].format(receipt), auditor).status_code == 404


def test_an_auditor_can_make_the_evidence_again(service: Service) -> None:
    receipt = receipt_of(service, "ann")
    auditor = service.token("carol", ApiScope.AUDIT)
    found = get(service, f"/v1/receipts/{receipt['jti']}/replay", auditor).json()["replay"]
    assert found["outcome"] == "reproduced"
    assert "55 euros" in found["citations"][0]["text"]
    assert found["citations"][0]["untrusted"] is True


def test_exposure_tells_an_auditor_who_was_shown_a_document(service: Service) -> None:
    receipt = receipt_of(service, "ann")
    document = receipt["citations"][0]["document_id"]
    auditor = service.token("carol", ApiScope.AUDIT)
    found = get(service, f"/v1/exposure/{document}", auditor).json()
    [entry] = [one for one in found["exposures"] if one["receipt_id"] == receipt["jti"]]
    assert (entry["subject"], entry["admitted_now"], entry["affected"]) == ("user:ann", True, False)
    assert entry["view"] == receipt["view"]
    assert entry["grants"][0]["ways"] == [["user:ann", "group:staff"]]


def test_exposure_comes_page_by_page_newest_first(service: Service) -> None:
    asked = [receipt_of(service, "ann") for _ in range(3)]
    document = asked[0]["citations"][0]["document_id"]
    auditor = service.token("carol", ApiScope.AUDIT)
    found, query = [], "?limit=2"
    while query:
        page = get(service, f"/v1/exposure/{document}{query}", auditor).json()
        assert len(page["exposures"]) <= 2
        found += [one["receipt_id"] for one in page["exposures"]]
        query = f"?limit=2&before={page['next']}" if page["next"] else ""
    assert found[:3] == [receipt["jti"] for receipt in reversed(asked)]
    assert len(found) == len(set(found))


def test_exposure_of_a_foreign_document_reads_as_of_none(service: Service) -> None:
    foreign = receipt_of(service, "eve")["citations"][0]["document_id"]
    auditor = service.token("carol", ApiScope.AUDIT)
    replies = {
        reply(get(service, f"/v1/exposure/{ident}", auditor, **{"X-Request-ID": "same"}))
        for ident in (foreign, *NONE_OF_OURS)
    }
    assert len(replies) == 1
    assert replies.pop()[0] == 404


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        (RECEIPT[0], [ApiScope.AUDIT, ApiScope.OPS]),
        (RECEIPT[1], [ApiScope.AUDIT, ApiScope.VERIFY]),
        ("/v1/receipts/{}/replay", [ApiScope.RETRIEVE, ApiScope.ACL_ADMIN]),
        ("/v1/exposure/{}", [ApiScope.RETRIEVE, ApiScope.ANALYST]),
    ],
)
def test_a_token_without_the_scope_is_refused(
    service: Service, path: str, scopes: list[ApiScope]
) -> None:
    refused = get(service, path.format(NOWHERE), service.token("ann", *scopes))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "tenant=globex", "limit=1&limit=2"]
)
def test_a_page_that_cannot_be_is_refused_by_name(service: Service, query: str) -> None:
    auditor = service.token("carol", ApiScope.AUDIT)
    refused = get(service, f"/v1/exposure/{NOWHERE}?{query}", auditor)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert query.partition("=")[0] in refused.json()["detail"]
