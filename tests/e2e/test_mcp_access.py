"""Who may use MCP over HTTP: the token decides, and it must have been issued for this endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest
from mcp.shared.auth import ProtectedResourceMetadata

from acl.caller import ApiScope
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_METADATA_PATH
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.e2e.served import QUESTION, Served, furnish
from tests.support.issuer import ISSUER, configured, key_set, signing_key, token
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC: Final = "https://clearance.example"
RESOURCE: Final = f"{PUBLIC}/mcp"
QUIET: Final = "https://customer.example"


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that trusts two issuers, and names one."""
    home = tmp_path_factory.mktemp("trusting")
    keys = home / "keys.json"
    keys.write_bytes(key_set(signing_key("main").jwk()))

    def issuer(**changes: Any) -> dict[str, Any]:
        own = {"jwks_file": str(keys), "audience": [RESOURCE, PUBLIC], "tenant": "acme"}
        return configured("", **{**own, "jwks_url": None, **changes})

    issuers = [
        issuer(advertised=True),
        issuer(issuer=QUIET, tenant="globex", audience=[RESOURCE]),
    ]
    settings = Settings(
        data_dir=home / "data", embedder="hash:64", public_url=PUBLIC, issuers=issuers
    )
    with Runtime.open(settings) as runtime:
        furnish(runtime, home)
        with serving(create_app(runtime)) as url:
            yield Served(runtime, url)


def issued(**changes: Any) -> str:
    """A token of the issuer's, for this endpoint unless another audience is given."""
    now = int(time.time())
    return token(**{"aud": RESOURCE, "iat": now, "exp": now + 600, "jti": str(now), **changes})


def status(served: Served, bearer: str) -> int:
    return served.post(Authorization=f"Bearer {bearer}").status_code


def test_a_token_issued_for_this_endpoint_sees_its_own_tenant(trusting: Served) -> None:
    ours = trusting.call(issued(), "retrieve", query=QUESTION)
    theirs = trusting.call(issued(iss=QUIET, sub="eve"), "retrieve", query=QUESTION)
    assert "55 euros" in ours.content[0].text
    assert "99 dollars" in theirs.content[0].text
    assert "99 dollars" not in ours.content[0].text


@pytest.mark.parametrize(
    "audience",
    [
        PUBLIC,
        f"{RESOURCE}2",
        "https://elsewhere.example/mcp",
        [PUBLIC, "https://elsewhere.example"],
    ],
)
def test_a_token_issued_for_anything_else_is_refused(
    trusting: Served, audience: str | list[str]
) -> None:
    assert status(trusting, issued()) == 200
    assert status(trusting, issued(aud=audience)) == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://stranger.example"},
        {"exp": 1},
        {"aud": None},
        {"sub": None},
        {"key": signing_key("other")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_token_that_is_not_good_is_refused(trusting: Served, changes: dict[str, Any]) -> None:
    assert status(trusting, issued(**changes)) == 401


def test_a_token_of_one_tenant_cannot_read_what_another_was_shown(trusting: Served) -> None:
    shown = trusting.call(issued(), "retrieve", query=QUESTION).structured_content
    foreign = issued(iss=QUIET, sub="eve")
    chunk = shown["evidence"][0]["chunk_id"]
    assert trusting.call(foreign, "get_evidence", chunk_id=chunk).is_error
    scoped = issued(iss=QUIET, sub="eve", scope="retrieve verify")
    claim = {"text": "The per diem abroad is 55 euros.", "citations": [{"chunk_id": chunk}]}
    by_receipt = {"receipt_id": shown["receipt_id"], "evidence": "e1"}
    checked = trusting.call(
        scoped, "verify_claims", claims=[claim, {**claim, "citations": [by_receipt]}]
    )
    results = [one["citations"][0]["result"] for one in checked.structured_content["claims"]]
    assert results == ["not_found", "not_found"]


def test_a_refusal_says_where_to_sign_in_and_only_named_issuers_stand_there(
    trusting: Served,
) -> None:
    refused = trusting.post()
    assert refused.status_code == 401
    where = f'resource_metadata="{PUBLIC}{MCP_METADATA_PATH}"'
    assert where in refused.headers["www-authenticate"]
    told = httpx2.get(trusting.url + MCP_METADATA_PATH)
    assert told.status_code == 200
    metadata = ProtectedResourceMetadata.model_validate_json(told.content)
    assert str(metadata.resource) == RESOURCE
    assert [str(one).rstrip("/") for one in metadata.authorization_servers] == [ISSUER]
    assert QUIET not in told.text
    assert set(metadata.scopes_supported or ()) == {"retrieve", "verify"}


def test_where_no_issuer_is_named_there_is_no_metadata_and_none_is_pointed_to(
    served: Served,
) -> None:
    assert "resource_metadata" not in served.post().headers["www-authenticate"]
    absent = httpx2.get(served.url + MCP_METADATA_PATH)
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")


def test_each_token_sees_its_own_and_nothing_else(served: Served) -> None:
    ours = served.call(served.key("ann")[1], "retrieve", query=QUESTION)
    theirs = served.call(served.key("eve", tenant="globex")[1], "retrieve", query=QUESTION)
    hidden = served.call(served.key("ann")[1], "retrieve", query="Initech closes in spring")
    shown = served.call(served.key("bob")[1], "retrieve", query="Initech closes in spring")
    assert "55 euros" in ours.content[0].text
    assert "99 dollars" in theirs.content[0].text
    assert "99 dollars" not in ours.content[0].text
    assert "Initech closes" in shown.content[0].text
    assert "Initech closes" not in hidden.content[0].text


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Bearer clr_0_0", "Basic abc"])
def test_without_a_good_token_nothing_is_said(served: Served, header: str) -> None:
    reply = served.post(**({"Authorization": header} if header else {}))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "handbook" not in reply.text


def test_a_token_without_the_retrieve_scope_is_forbidden(served: Served) -> None:
    _, token = served.key("ann", ApiScope.AUDIT)
    assert served.post(Authorization=f"Bearer {token}").status_code == 403


def test_a_revoked_token_stops_at_the_next_call(served: Served) -> None:
    key_id, token = served.key("ann")
    assert served.post(Authorization=f"Bearer {token}").status_code == 200
    served.revoke(key_id)
    assert served.post(Authorization=f"Bearer {token}").status_code == 401


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Host", "evil.example", 421), ("Origin", "https://evil.example", 403)],
)
def test_a_web_page_cannot_reach_it_under_another_name(
    served: Served, header: str, value: str, status: int
) -> None:
    authorization = f"Bearer {served.key('ann')[1]}"
    reply = served.post(**{"Authorization": authorization, header: value})
    assert reply.status_code == status


def test_two_authorisations_are_nobody_even_if_both_are_good(served: Served) -> None:
    headers = [("Authorization", f"Bearer {served.key('ann')[1]}") for _ in range(2)]
    reply = httpx2.post(f"{served.url}/mcp", json={}, headers=headers)
    assert reply.status_code == 401


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    reply = httpx2.post(
        f"{served.url}/mcp",
        content=b" " * 100_000,
        headers={
            "Authorization": f"Bearer {served.key('ann')[1]}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        },
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
