"""Whole policies, listings and explanations over REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app

if TYPE_CHECKING:
    from conftest import Service
    from httpx2 import Response

POLICY = {
    "groups": {"group:club": ["user:joe"]},
    "acls": {"club": {"allow": [{"principal": "group:club"}, "user:kim"], "purposes": ["fun"]}},
}


@pytest.fixture(scope="module")
def admin(service: Service) -> dict[str, str]:
    """The headers of an ACL administrator of globex."""
    token = service.token("root", ApiScope.ACL_ADMIN, tenant="globex")
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def post(service: Service, admin: dict[str, str], path: str, body: Any) -> Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return service.client.post(path, content=content, headers=admin)


def test_a_policy_is_planned_then_applied_then_nothing_is_left_to_change(
    service: Service, admin: dict[str, str]
) -> None:
    planned = post(service, admin, "/v1/policy:plan", POLICY).json()
    assert planned["audiences"] == [
        {
            "acl": "club",
            "guards_documents": False,
            "gains": {"count": 2, "first": ["user:joe", "user:kim"]},
            "loses": {"count": 0, "first": []},
        }
    ]
    assert service.client.get("/v1/acls/club", headers=admin).status_code == 404
    applied = post(service, admin, "/v1/policy:apply", POLICY)
    assert applied.headers["x-clearance-acl-token"] == applied.json()["acl_token"]
    assert applied.json()["audiences"] == planned["audiences"]
    assert applied.json()["changed"] is True
    again = post(service, admin, "/v1/policy:apply", POLICY).json()
    assert (again["changed"], again["changes"]["count"]) == (False, 0)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/policy:apply", '{"acls": {"a": {}, "a": {}}}', "twice"),
        ("/v1/policy:apply", {"acls": {"a": {"allow": ["role:x"]}}}, "acls['a'].allow[0]"),
        ("/v1/policy:apply", {"acls": {"a": {"parent": "b"}, "b": {"parent": "a"}}}, "a → b → a"),
        ("/v1/policy:plan", "acls: {}", "JSON"),
        ("/v1/policy:plan", "[" * 50_000, "nested"),
        ("/v1/directory/okta:sync", {"users": [{"id": "a"}, {"id": "a"}]}, "users[1]"),
        ("/v1/directory/okta:plan", "", "not valid JSON"),
        ("/v1/directory/o k:sync", {"users": []}, "path.name"),
    ],
)
def test_what_cannot_be_read_is_refused_by_field_and_nothing_is_applied(
    service: Service, admin: dict[str, str], path: str, body: Any, words: str
) -> None:
    reply = post(service, admin, path, body)
    assert reply.status_code == 422, reply.text
    assert words in reply.text.replace('\\"', '"')
    assert service.client.get("/v1/acls/a", headers=admin).status_code == 404


def test_bulk_routes_take_megabytes_and_no_more(service: Service, admin: dict[str, str]) -> None:
    members = [f"user:member-{number:05}" for number in range(8_000)]
    body = {"groups": {"group:many": members}}
    assert len(json.dumps(body)) > 2 * 64 * 1024
    assert post(service, admin, "/v1/policy:plan", body).status_code == 200
    assert post(service, admin, "/v1/explain", body).status_code == 413
    assert post(service, admin, "/v1/policy:plan", " " * (8 * 1024 * 1024 + 1)).status_code == 413


def test_a_directory_is_synchronised_and_what_is_unusual_waits(
    service: Service, admin: dict[str, str]
) -> None:
    names = [{"id": f"u{number:02}"} for number in range(20)]
    made = post(service, admin, "/v1/directory/okta:sync", {"users": names}).json()
    assert made["counts"]["new"] == 20
    fewer = {"users": names[:5]}
    planned = post(service, admin, "/v1/directory/okta:plan", fewer).json()
    held = post(service, admin, "/v1/directory/okta:sync", fewer).json()
    assert planned["held"] == held["held"] == {"vanished": 15}
    done = post(service, admin, "/v1/directory/okta:sync?confirm_removals=true", fewer).json()
    assert done["counts"]["switched_off"] == 15
    assert done["held"] == {}


def test_an_explanation_names_the_way_to_a_document(
    service: Service, admin: dict[str, str]
) -> None:
    body = {"principal": "user:eve", "document": "handbook/travel.md"}
    said = post(service, admin, "/v1/explain", body).json()
    assert said["visible"] is True
    assert said["document"]["title"] == "Travel"
    assert said["parts"][0]["steps"][0]["through"] == ["user:eve", "group:staff"]
    what_if = {**body, "with": [{"remove_member": {"group": "group:staff", "member": "user:eve"}}]}
    then = post(service, admin, "/v1/explain", what_if).json()
    assert then["visible"] is True
    assert then["with_changes"]["visible"] is False
    assert then["with_changes"]["reasons"][0]["cause"] == "not_granted"
    assert service.ask("eve", "per diem").json()["evidence"], "it was only tried"


def test_every_change_that_can_be_tried_is_tried(service: Service, admin: dict[str, str]) -> None:
    asked = {"principal": "user:zoe", "document": "handbook/travel.md"}
    acl = post(service, admin, "/v1/explain", asked).json()["acl"]
    for change, visible in (
        ({"add_member": {"group": "group:staff", "member": "user:zoe"}}, True),
        ({"grant": {"acl": acl, "principal": "user:zoe"}}, True),
        ({"grant": {"acl": acl, "principal": "user:zoe", "effect": "deny"}}, False),
        ({"enable": "user:zoe"}, False),
        ({"disable": "user:zoe"}, False),
        ({"revoke": {"acl": acl, "principal": "group:staff"}}, False),
    ):
        said = post(service, admin, "/v1/explain", {**asked, "with": [change]}).json()
        assert said["with_changes"]["visible"] is visible, change
    wrong = post(
        service,
        admin,
        "/v1/explain",
        {**asked, "with": [{"enable": "user:a", "disable": "user:b"}]},
    )
    assert wrong.status_code == 422


def test_a_document_of_another_tenant_does_not_exist(
    service: Service, admin: dict[str, str]
) -> None:
    replies = [
        post(service, admin, "/v1/explain", {"principal": "user:eve", "document": document})
        for document in ("handbook/board/merger.md", "handbook/nowhere.md", "nowhere")
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert len({reply.json()["detail"] for reply in replies}) == 1


def test_a_delegated_token_administers_nothing(service: Service) -> None:
    with service.runtime.database.write("globex") as session:
        token = create_key(
            session,
            "globex",
            Principal.parse("user:root"),
            actor=Principal.parse("service:bot"),
            api_scopes=[ApiScope.ACL_ADMIN],
            now=service.runtime.clock(),
        ).token
    headers = {"Authorization": f"Bearer {token}"}
    reply = service.client.put("/v1/acls/theirs", json={}, headers=headers | {"If-None-Match": "*"})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


def test_without_the_scope_every_administration_route_is_forbidden(service: Service) -> None:
    token = service.token("ann", *(scope for scope in ApiScope if scope is not ApiScope.ACL_ADMIN))
    headers = {"Authorization": f"Bearer {token}"}
    asked = 0
    for route in iter_route_contexts(create_app(service.runtime).routes):
        path = str(getattr(route, "path", ""))
        if not path.startswith(
            (
                "/v1/acls",
                "/v1/groups",
                "/v1/principals",
                "/v1/policy",
                "/v1/directory",
                "/v1/explain",
            )
        ):
            continue
        for name in ("name", "group", "member", "principal", "effect"):
            path = path.replace(f"{{{name}}}", "x")
        for method in route.methods or ():
            reply = service.client.request(method, path, json={}, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), (method, path)
            asked += 1
    assert asked >= 18
