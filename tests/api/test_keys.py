"""/v1/keys: made once, shown once, never more than the maker holds, and each tenant its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from acl.caller import ApiScope, Narrowing
from acl.identity.keys import create_key
from acl.principal import Principal

if TYPE_CHECKING:
    from conftest import Service
    from httpx2 import Response

ADMIN = (ApiScope.ACL_ADMIN, ApiScope.RETRIEVE)


class Admin:
    """An administrator who calls ``/v1/keys``."""

    def __init__(self, service: Service, *scopes: ApiScope, tenant: str = "acme") -> None:
        self._service = service
        token = service.token("admin", *(scopes or ADMIN), tenant=tenant)
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str = "", body: Any = None, **options: Any) -> Response:
        headers = self._headers | options.pop("headers", {})
        url = f"/v1/keys{path}"
        return self._service.client.request(method, url, json=body, headers=headers, **options)

    def make(self, subject: str = "user:ann", **fields: Any) -> dict[str, Any]:
        reply = self.call("POST", body={"subject": subject, **fields})
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    def listed(self, **params: Any) -> list[dict[str, Any]]:
        """Every key, page by page."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.call("GET", params={"after": after, **params}).json()
            found += page["keys"]
            if page["next"] is None:
                return found
            after = page["next"]

    def info(self, key_id: str) -> dict[str, Any]:
        (found,) = (key for key in self.listed() if key["key_id"] == key_id)
        return found


@pytest.fixture
def admin(service: Service) -> Admin:
    return Admin(service)


def status(service: Service, token: str) -> int:
    """What a token gets for asking which sources there are."""
    return service.client.get(
        "/v1/sources", headers={"Authorization": f"Bearer {token}"}
    ).status_code


def test_a_key_that_was_made_lets_in_and_one_that_was_revoked_does_not(
    service: Service, admin: Admin
) -> None:
    made = admin.make()
    assert status(service, made["token"]) == 200
    assert admin.call("DELETE", f"/{made['key_id']}").status_code == 204
    assert status(service, made["token"]) == 401
    assert admin.info(made["key_id"])["state"] == "revoked"
    assert admin.call("DELETE", f"/{made['key_id']}").status_code == 204  # again is no error


def test_the_token_is_in_no_other_reply(admin: Admin) -> None:
    made = admin.make(label="shown once")
    secret = made["token"].split("_", 2)[2]
    assert secret not in admin.call("GET").text
    assert set(made) == {"key_id", "token"}


def test_what_is_known_of_a_key_is_listed(admin: Admin) -> None:
    made = admin.make(
        actor="service:bot",
        scopes=["retrieve"],
        narrowing={"sources": ["handbook"], "purpose": "audit"},
        label="for the bot",
        expires_at="2999-01-01T00:00:00Z",
    )
    info = admin.info(made["key_id"])
    assert info.pop("created_at")
    assert info == {
        "key_id": made["key_id"],
        "subject": "user:ann",
        "actor": "service:bot",
        "scopes": ["retrieve"],
        "narrowing": {"sources": ["handbook"], "acls": None, "purpose": "audit"},
        "label": "for the bot",
        "state": "good",
        "expires_at": "2999-01-01T00:00:00Z",
        "last_used_at": None,
        "replaces": None,
    }


def test_keys_are_listed_page_by_page_and_none_twice(admin: Admin) -> None:
    for _ in range(5):
        admin.make()
    whole = [key["key_id"] for key in admin.listed(limit=500)]
    assert whole == sorted(set(whole))
    assert [key["key_id"] for key in admin.listed(limit=2)] == whole


def test_rotating_makes_a_new_key_and_ends_the_old_one_after_the_overlap(
    service: Service, admin: Admin
) -> None:
    old = admin.make(narrowing={"sources": []})
    reply = admin.call("POST", f"/{old['key_id']}/rotate", body={"overlap_seconds": 0})
    new = reply.json()
    assert reply.status_code == 201
    assert (status(service, old["token"]), status(service, new["token"])) == (401, 200)
    info = admin.info(new["key_id"])
    assert (info["replaces"], info["narrowing"]["sources"]) == (old["key_id"], [])
    again = admin.call("POST", f"/{old['key_id']}/rotate", body={})
    assert (again.status_code, again.json()["code"]) == (409, "key_spent")


def test_nobody_hands_out_a_scope_they_do_not_hold(service: Service, admin: Admin) -> None:
    for scope in ("ops", "audit", "verify", "ingest"):
        reply = admin.call("POST", body={"subject": "user:admin", "scopes": ["retrieve", scope]})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
        assert f"'{scope}'" in reply.json()["detail"]
    strong = Admin(service, *ADMIN, ApiScope.OPS).make(scopes=["ops"])
    reply = admin.call("POST", f"/{strong['key_id']}/rotate", body={})
    assert reply.status_code == 403


@pytest.mark.parametrize("bound", ["actor", "narrowing"])
def test_a_delegated_or_narrowed_administrator_makes_no_keys(service: Service, bound: str) -> None:
    options: dict[str, Any] = {
        "actor": {"actor": Principal.parse("service:bot")},
        "narrowing": {"narrowing": Narrowing(sources=frozenset({"handbook"}))},
    }[bound]
    runtime = service.runtime
    with runtime.database.write("acme") as session:
        token = create_key(
            session,
            "acme",
            Principal.parse("user:admin"),
            api_scopes=ADMIN,
            now=runtime.clock(),
            **options,
        ).token
    reply = service.client.post(
        "/v1/keys", json={"subject": "user:ann"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


def test_another_tenant_s_key_is_absent(service: Service, admin: Admin) -> None:
    theirs = Admin(service, tenant="globex").make("user:eve")
    assert theirs["key_id"] not in {key["key_id"] for key in admin.listed()}
    for method, path, body in (("DELETE", "", None), ("POST", "/rotate", {})):
        replies = [
            admin.call(method, f"/{key_id}{path}", body, headers={"X-Request-ID": "same"})
            for key_id in (theirs["key_id"], "0" * 16, "nonsense", "%00", "0" * 15 + "%00")
        ]
        assert {reply.status_code for reply in replies} == {404}
        assert len({reply.content for reply in replies}) == 1
    assert status(service, theirs["token"]) == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"subject": "group:staff"}, "invalid_principal"),
        ({"subject": "everyone"}, "invalid_principal"),
        ({"subject": "ann"}, "invalid_principal"),
        ({"subject": "user:*"}, "invalid_principal"),
        ({"subject": "user:ann", "actor": "group:bots"}, "invalid_principal"),
        ({}, "invalid_request"),
        ({"subject": "user:ann", "tenant": "globex"}, "invalid_request"),
        ({"subject": "user:ann", "scopes": []}, "invalid_request"),
        ({"subject": "user:ann", "scopes": ["root"]}, "invalid_request"),
        ({"subject": "user:ann", "narrowing": {"soruces": []}}, "invalid_request"),
        ({"subject": "user:ann", "narrowing": {"sources": "x"}}, "invalid_request"),
        ({"subject": "user:ann", "narrowing": {"purpose": "no purpose"}}, "invalid_acl"),
        ({"subject": "user:ann", "label": "x" * 201}, "invalid_request"),
        ({"subject": "user:ann", "label": "a\x00b"}, "invalid_request"),
        ({"subject": "user:a\x00b"}, "invalid_principal"),
        ({"subject": "user:ann", "narrowing": {"acls": ["a\x00b"]}}, "invalid_acl"),
        ({"subject": "user:ann", "expires_at": "2001-01-01T00:00:00Z"}, "invalid_request"),
        ({"subject": "user:ann", "expires_at": "2999-01-01T00:00:00"}, "invalid_request"),
    ],
)
def test_a_malformed_key_is_refused_and_none_is_made(
    admin: Admin, fields: dict[str, Any], code: str
) -> None:
    before = len(admin.listed())
    reply = admin.call("POST", body=fields)
    assert (reply.status_code, reply.json()["code"]) == (422, code)
    assert len(admin.listed()) == before


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"tenant": "globex"}, "query.tenant"),
        ({"limit": 0}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"after": "\x00"}, "query.after"),
        ({"after": "nonsense"}, "query.after"),
        ([("limit", 1), ("limit", 2)], "query.limit"),
    ],
)
def test_a_parameter_that_is_unknown_malformed_or_repeated_is_refused(
    admin: Admin, params: Any, field: str
) -> None:
    reply = admin.call("GET", params=params)
    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == [field]


def test_a_key_s_last_use_is_noted_in_the_end(service: Service, admin: Admin) -> None:
    made = admin.make()
    before = service.runtime.clock()
    assert status(service, made["token"]) == 200
    service.runtime.key_use.flush()
    used = admin.info(made["key_id"])["last_used_at"]
    assert used is not None
    assert before - timedelta(seconds=1) < type(before).fromisoformat(used)
