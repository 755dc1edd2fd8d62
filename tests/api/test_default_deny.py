"""Nobody gets in by accident: every bad token, every place identity could hide.

That every route asks for an API scope stands in ``test_scopes.py``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acl.caller import ApiScope
from acl.identity.keys import create_key, revoke_key
from acl.models import Tenant
from acl.principal import Principal

if TYPE_CHECKING:
    from conftest import Service

GUARDED = [
    ("POST", "/v1/retrieve"),
    ("GET", "/v1/evidence/00000000-0000-0000-0000-000000000000"),
    ("GET", "/v1/sources"),
    ("GET", "/metrics"),
]


def bad_tokens(service: Service) -> dict[str, dict[str, str]]:
    runtime, good = service.runtime, service.tokens["ann"]
    with runtime.database.write("acme") as session:
        key = {"api_scopes": [ApiScope.RETRIEVE], "now": runtime.clock()}
        ann = Principal.parse("user:ann")
        past = runtime.clock() - timedelta(seconds=1)
        expired = create_key(session, "acme", ann, expires_at=past, **key).token
        revoked = create_key(session, "acme", ann, **key)
        session.flush()
        revoke_key(session, "acme", revoked.key_id, now=runtime.clock())
    prefix, key_id, secret = good.split("_", 2)
    return {
        "absent": {},
        "empty": {"Authorization": ""},
        "other scheme": {"Authorization": f"Basic {good}"},
        "no scheme": {"Authorization": good},
        "malformed": {"Authorization": "Bearer nonsense"},
        "unknown id": {"Authorization": f"Bearer clr_{'0' * 16}_{secret}"},
        "wrong secret": {"Authorization": f"Bearer {prefix}_{key_id}_{'A' * 43}"},
        "trailing newline": {"Authorization": f"Bearer {good}%0a"},
        "expired": {"Authorization": f"Bearer {expired}"},
        "revoked": {"Authorization": f"Bearer {revoked.token}"},
        "in another header": {"X-Api-Key": good, "X-Forwarded-User": "user:ann"},
    }


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_whatever_is_wrong_with_the_token_the_reply_is_the_same(
    service: Service, method: str, path: str
) -> None:
    replies = set()
    for headers in bad_tokens(service).values():
        reply = service.client.request(
            method, path, json={"query": "per diem"}, headers=headers | {"X-Request-ID": "same"}
        )
        assert reply.status_code == 401
        replies.add((reply.content, reply.headers["www-authenticate"]))
    assert len(replies) == 1
    assert b'"code":"unauthenticated"' in replies.pop()[0]


def test_two_authorization_headers_are_nobody(service: Service) -> None:
    good = f"Bearer {service.tokens['ann']}"
    reply = service.client.get(
        "/v1/sources", headers=[("Authorization", good), ("Authorization", good)]
    )
    assert reply.status_code == 401


def test_a_token_in_the_query_string_is_not_looked_at(service: Service) -> None:
    reply = service.client.get("/v1/sources", params={"access_token": service.tokens["ann"]})
    assert reply.status_code == 401


def test_the_retrieve_scope_does_not_open_the_metrics(service: Service) -> None:
    assert service.client.get("/metrics", headers=service.headers("ann")).status_code == 403


def test_a_disabled_tenant_gets_nothing(service: Service) -> None:
    database = service.runtime.database
    with database.unguarded("a test switches a tenant off", writable=True) as session:
        session.get_one(Tenant, "globex").enabled = False
    try:
        reply = service.ask("eve", "per diem")
    finally:
        with database.unguarded("a test switches it on again", writable=True) as session:
            session.get_one(Tenant, "globex").enabled = True
    assert (reply.status_code, reply.json()["code"]) == (403, "tenant_disabled")
    assert service.ask("eve", "per diem").status_code == 200


def test_each_tenant_sees_its_own_documents_only(service: Service) -> None:
    ours = service.ask("ann", "per diem for trips abroad").text
    theirs = service.ask("eve", "per diem for trips abroad").text
    assert "55 euros" in ours
    assert "99 dollars" not in ours
    assert "99 dollars" in theirs
    assert "55 euros" not in theirs


@pytest.mark.parametrize("field", ["tenant", "as", "subject", "acl", "acls", "actor", "principal"])
def test_identity_in_the_body_is_refused_not_ignored(service: Service, field: str) -> None:
    reply = service.ask("ann", "merger", **{field: "user:bob"})
    assert reply.status_code == 422
    assert f"body.{field}" in reply.json()["detail"]


@pytest.mark.parametrize("header", ["X-Tenant", "X-User", "X-Forwarded-User", "X-Remote-User"])
def test_identity_in_other_headers_changes_nothing(service: Service, header: str) -> None:
    headers = service.headers("ann") | {"X-Request-ID": "same"}
    body = {"query": "merger with Initech"}
    plain = service.client.post("/v1/retrieve", json=body, headers=headers)
    posing = service.client.post("/v1/retrieve", json=body, headers=headers | {header: "user:bob"})
    assert "Initech" not in posing.text
    assert posing.json()["status"] == plain.json()["status"]


def test_a_malformed_body_does_not_come_before_the_question_who_asks(service: Service) -> None:
    reply = service.client.post("/v1/retrieve", json={"unknown": 1})
    assert reply.status_code == 401
