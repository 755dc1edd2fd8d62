"""Administration over REST: every object, its entity tag, and what becomes of a change."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from acl.caller import ApiScope

if TYPE_CHECKING:
    from conftest import Service
    from httpx2 import Response

_NAMES = (f"made-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def admin(service: Service) -> dict[str, str]:
    """The headers of an ACL administrator of acme."""
    return {"Authorization": f"Bearer {service.token('root', ApiScope.ACL_ADMIN)}"}


def acl_path(name: str, *further: str) -> str:
    return "/".join(["/v1/acls", *(quote(part, safe="") for part in (name, *further))])


def put_acl(service: Service, admin: dict[str, str], name: str, **body: Any) -> Response:
    reply = service.client.put(acl_path(name), json=body, headers=admin | {"If-None-Match": "*"})
    assert reply.status_code == 200, reply.text
    return reply


@pytest.mark.parametrize(
    "name",
    ["plain", "folder:handbook:hr/payroll", "a/entries", "50% ü/entries/allow/user:x", "a?b#c"],
)
def test_an_acl_of_any_name_is_made_read_changed_and_removed(
    service: Service, admin: dict[str, str], name: str
) -> None:
    made = put_acl(service, admin, name, allow=[{"principal": "group:staff"}])
    assert made.json()["acl"]["name"] == name
    read = service.client.get(acl_path(name), headers=admin)
    assert read.json() == made.json()["acl"]
    assert read.headers["etag"] == made.headers["etag"]
    granted = service.client.post(
        acl_path(name, "entries"), json={"principal": "user:a/b", "effect": "deny"}, headers=admin
    )
    assert granted.json()["acl"]["deny"] == [{"principal": "user:a/b", "expires_at": None}]
    revoked = service.client.delete(acl_path(name, "entries", "deny", "user:a/b"), headers=admin)
    assert revoked.json()["acl"] == read.json()
    assert revoked.headers["etag"] == read.headers["etag"]
    gone = service.client.delete(acl_path(name), headers=admin | {"If-Match": read.headers["etag"]})
    assert gone.json()["acl"] is None
    assert service.client.get(acl_path(name), headers=admin).status_code == 404


def test_every_write_returns_the_new_state_its_tag_and_a_token(
    service: Service, admin: dict[str, str]
) -> None:
    made = put_acl(service, admin, next(_NAMES), purposes=["audit"])
    assert made.headers["x-clearance-acl-token"] == made.json()["acl_token"]
    assert made.headers["etag"].startswith('"')
    assert made.json()["acl"]["purposes"] == ["audit"]


def test_what_exists_is_changed_only_by_who_says_which_state_of_it(
    service: Service, admin: dict[str, str]
) -> None:
    name = next(_NAMES)
    tag = put_acl(service, admin, name).headers["etag"]
    for headers, status in (
        ({}, 428),
        ({"If-None-Match": "*"}, 412),
        ({"If-Match": '"another"'}, 412),
        ({"If-Match": f"W/{tag}"}, 412),
        ({"If-Match": tag, "If-None-Match": "*"}, 412),
    ):
        for method in ("PUT", "DELETE"):
            reply = service.client.request(
                method,
                acl_path(name),
                json={} if method == "PUT" else None,
                headers=admin | headers,
            )
            assert reply.status_code == status, (method, headers, reply.text)
    unchanged = service.client.get(acl_path(name), headers=admin)
    assert unchanged.headers["etag"] == tag
    body = {"allow": [{"principal": "everyone"}]}
    first = service.client.put(acl_path(name), json=body, headers=admin | {"If-Match": tag})
    second = service.client.put(acl_path(name), json={}, headers=admin | {"If-Match": tag})
    assert (first.status_code, second.status_code) == (200, 412)


def test_an_acl_under_which_something_stands_is_not_removed(
    service: Service, admin: dict[str, str]
) -> None:
    name = "folder:handbook:board"
    tag = service.client.get(acl_path(name), headers=admin).headers["etag"]
    reply = service.client.delete(acl_path(name), headers=admin | {"If-Match": tag})
    assert (reply.status_code, reply.json()["code"]) == (409, "acl_in_use")
    parent, child = next(_NAMES), next(_NAMES)
    tag = put_acl(service, admin, parent).headers["etag"]
    put_acl(service, admin, child, parent=parent)
    reply = service.client.delete(acl_path(parent), headers=admin | {"If-Match": tag})
    assert reply.status_code == 409
    assert child in reply.json()["detail"]


def test_parents_that_would_form_a_cycle_are_refused_by_name(
    service: Service, admin: dict[str, str]
) -> None:
    top, leaf = next(_NAMES), next(_NAMES)
    put_acl(service, admin, top)
    put_acl(service, admin, leaf, parent=top)
    reply = service.client.put(
        acl_path(top), json={"parent": leaf}, headers=admin | {"If-Match": "*"}
    )
    assert reply.status_code == 422
    assert f"{top} → {leaf} → {top}" in reply.json()["detail"]


def test_pages_of_acls_and_principals_join_up(service: Service, admin: dict[str, str]) -> None:
    for path, key, name in (
        ("/v1/acls", "acls", "name"),
        ("/v1/principals", "principals", "principal"),
    ):
        whole = service.client.get(path, params={"limit": 500}, headers=admin).json()
        assert whole["next"] is None
        found, after = [], {}
        while True:
            page = service.client.get(path, params={"limit": 2, **after}, headers=admin).json()
            found += page[key]
            if page["next"] is None:
                break
            assert page["next"] == page[key][-1][name]
            after = {"after": page["next"]}
        assert found == whole[key]


def test_a_member_is_added_once_and_removed_once(service: Service, admin: dict[str, str]) -> None:
    path = "/v1/groups/group:club/members/user:joe"
    assert service.client.get(path, headers=admin).status_code == 404
    first, again = (service.client.put(path, headers=admin) for _ in "ab")
    assert [first.json()["changed"], again.json()["changed"]] == [True, False]
    assert first.json()["member"] == {
        "group": "group:club",
        "member": "user:joe",
        "managed_by": None,
    }
    listed = service.client.get("/v1/groups/group:club/members", headers=admin).json()
    assert [member["member"] for member in listed["members"]] == ["user:joe"]
    removed = service.client.delete(path, headers=admin)
    assert removed.json()["member"] is None
    assert removed.json()["changed"] is True


def test_a_principal_is_switched_off_and_on(service: Service, admin: dict[str, str]) -> None:
    path = "/v1/principals/user:switch"
    made = service.client.put(path, json={"enabled": True}, headers=admin | {"If-None-Match": "*"})
    assert made.status_code == 200
    tag = made.headers["etag"]
    off = service.client.put(path, json={"enabled": False}, headers=admin | {"If-Match": tag})
    assert off.json()["principal"]["enabled"] is False
    late = service.client.put(path, json={"enabled": True}, headers=admin | {"If-Match": tag})
    assert late.status_code == 412


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/acls/x", {"allow": [{"principal": "staff"}]}),
        ("PUT", "/v1/acls/x", {"allow": [{"principal": "group:*"}]}),
        ("PUT", "/v1/acls/x", {"alow": []}),
        ("PUT", "/v1/acls/x", {"inherit": "no"}),
        ("PUT", "/v1/acls/x", {"purposes": ["a b"]}),
        ("PUT", "/v1/acls/x", {"allow": [{"principal": "user:a"}, {"principal": "user:a"}]}),
        ("PUT", "/v1/acls/x%00", {}),
        ("PUT", "/v1/acls/cafe%CC%81", {}),
        ("PUT", "/v1/groups/user:ann/members/user:bob", None),
        ("PUT", "/v1/groups/group:staff/members/everyone", None),
        ("PUT", "/v1/principals/ann", {"enabled": True}),
        ("PUT", "/v1/principals/user:a", {"enabled": "maybe"}),
        ("POST", "/v1/explain", {"principal": "user:ann"}),
        ("POST", "/v1/explain", {"principal": "group:staff", "acl": "x"}),
        ("GET", "/v1/acls?page=2", None),
    ],
)
def test_bad_input_is_refused_and_nothing_is_made(
    service: Service, admin: dict[str, str], method: str, path: str, body: Any
) -> None:
    reply = service.client.request(
        method, path, json={} if body is None else body, headers=admin | {"If-None-Match": "*"}
    )
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert service.client.get("/v1/acls/x", headers=admin).status_code == 404


def test_a_name_that_is_no_utf_8_is_no_name(service: Service, admin: dict[str, str]) -> None:
    assert service.client.get("/v1/acls/%ff", headers=admin).status_code == 404
