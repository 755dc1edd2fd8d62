"""The console asks what REST asks: every page one API scope, of a token that is good right now.

Pages are taken from the application itself, so a new one is tested from its first day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from acl.audit.kinds import Stream
from acl.caller import ApiScope
from acl.identity.keys import revoke_key
from acl.models import Tenant
from acl.seal import Purpose, seal
from retrieval.api.app import create_app
from retrieval.console.entrance import PUBLIC_PATHS
from retrieval.console.session import LIFE, Session, sealed
from retrieval.console.visit import SignedIn
from retrieval.flags.operations import ALWAYS_ON, READING, WRITING
from tests.support.audit import events
from tests.support.console import SITE, Browser, key_for, shown
from tests.support.installation import TENANT
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant
    from httpx2 import Response

    from tests.support.installation import Installation

NOBODY_S_ID = "00000000-0000-4000-8000-000000000000"
TOKEN_FREE = {"/console", "/console/sign-out", "/console/{path:path}"}
"""Pages that ask for a good token and for no API scope: they tell nothing but what it says."""


@dataclass(frozen=True)
class Door:
    """One method of one page, with the API scopes it asks for."""

    method: str
    path: str
    scopes: frozenset[ApiScope | None]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def scopes_of(dependant: Dependant) -> Iterator[ApiScope | None]:
    if isinstance(dependant.call, SignedIn):
        yield dependant.call.scope
    for inner in dependant.dependencies:
        yield from scopes_of(inner)


def doors(world: Installation) -> list[Door]:
    """Every page that is not public."""
    return [
        Door(method, route.path, frozenset(scopes_of(route.dependant)))
        for route in iter_route_contexts(create_app(world.runtime).routes)
        if isinstance(route.route, APIRoute)
        and route.path.startswith("/console")
        and route.path not in PUBLIC_PATHS
        for method in sorted(route.route.methods)
    ]


def knock(browser: Browser, door: Door) -> Response:
    """Open a page, with ids of nothing and an empty form."""
    path = re.sub(r"\{[^}]+\}", NOBODY_S_ID, door.path)
    return browser.get(path) if door.method == "GET" else browser.send(path)


@pytest.fixture
def bank(world: Installation) -> Installation:
    """A bank in which Ann may read one document."""
    world.know("user:ann", "user:bob")
    shelf = {"a.md": Shelved("# Travel\n\nThe allowance abroad is 55 euros.", "open")}
    world.ingest(ListedSource("wiki", (acl("open", allow("user:ann")),), shelf))
    return world


@pytest.fixture
def client(bank: Installation) -> Iterator[TestClient]:
    with TestClient(create_app(bank.runtime), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def test_every_page_asks_for_one_api_scope_or_is_on_one_of_two_lists(bank: Installation) -> None:
    found = doors(bank)
    assert [str(door) for door in found if len(door.scopes) != 1] == []
    assert {door.path for door in found if None in door.scopes} == TOKEN_FREE
    assert {scope for door in found for scope in door.scopes if scope is not None} == {
        ApiScope.RETRIEVE,
        ApiScope.ACL_ADMIN,
        ApiScope.AUDIT,
        ApiScope.INGEST,
        ApiScope.OPS,
    }


def test_every_page_stands_for_an_operation_of_rest_which_flags_can_reach(
    bank: Installation,
) -> None:
    found = {
        (route.path, route.operation_id)
        for route in iter_route_contexts(create_app(bank.runtime).routes)
        if isinstance(route.route, APIRoute) and route.path.startswith("/console")
    }
    without = {path for path, operation in found if operation is None}
    # Signing in and out, and what tells of the service and of no tenant.
    assert without == TOKEN_FREE | PUBLIC_PATHS | {"/console/operations"}
    known = READING | WRITING | ALWAYS_ON
    assert {operation for _, operation in found if operation is not None} <= known


def test_what_a_flag_has_switched_off_is_off_on_pages_too(
    bank: Installation, browser: Browser
) -> None:
    browser.sign_in(key_for(bank))
    assert browser.ask("allowance abroad").status_code == 200
    for flag, value in (("route", "retrieve"), ("route", "list_flags"), ("tenant", "")):
        fields = {"name": flag, "target": value, "value": "off", "reason": "an alarm"}
        reply = browser.send("/console/flags/set", fields)
        assert reply.status_code == (303 if value == "retrieve" else 422), value
    off = browser.ask("allowance abroad")
    assert off.status_code == 503
    assert "switched_off" in off.text
    assert "55 euros" not in off.text
    page = browser.get("/console/flags")
    assert "an alarm" in page.text
    assert "route:retrieve" in page.text
    assert browser.send("/console/flags/rollback", {"before_change": "1"}).status_code == 303
    assert "55 euros" in browser.ask("allowance abroad").text
    assert browser.send("/console/flags/rollback", {"before_change": "x"}).status_code == 404
    told = [event.kind for event in events(bank, Stream.ADMINISTRATION)]
    assert told[-2:] == ["flag.set", "flag.unset"]


def test_without_a_session_every_page_is_the_same_page(
    bank: Installation, browser: Browser
) -> None:
    replies = [knock(browser, door) for door in doors(bank)]
    assert {reply.status_code for reply in replies} == {401}
    assert len({re.sub(r"<code>r\d+</code>", "", reply.text) for reply in replies}) == 1


def test_a_bearer_header_opens_no_page(bank: Installation, client: TestClient) -> None:
    headers = {"Authorization": f"Bearer {key_for(bank)}"}
    assert client.get("/console/sources", headers=headers).status_code == 401


def test_all_scopes_but_the_one_are_not_enough_for_any_page(
    bank: Installation, client: TestClient
) -> None:
    asked = 0
    for door in doors(bank):
        for scope in door.scopes - {None}:
            browser = Browser(client)
            browser.sign_in(key_for(bank, "user:ann", *(set(ApiScope) - {scope})))
            reply = knock(browser, door)
            assert reply.status_code == 403, door
            assert "forbidden" in reply.text
            asked += 1
    assert asked >= 12


def test_the_one_scope_is_enough_for_every_page(bank: Installation, client: TestClient) -> None:
    for door in doors(bank):
        browser = Browser(client)
        browser.sign_in(key_for(bank, "user:ann", *(door.scopes - {None})))
        assert knock(browser, door).status_code not in {401, 403, 500}, door


def test_the_menu_holds_what_the_token_opens(bank: Installation, browser: Browser) -> None:
    browser.sign_in(key_for(bank, "user:ann", ApiScope.AUDIT))
    home = browser.get("/console")
    assert home.headers["location"] == "/console/exposure"
    links = re.findall(r'<li><a href="([^"]+)"', browser.get("/console/exposure").text)
    assert links == ["/console/exposure"]


def test_a_token_that_opens_nothing_is_told_so(bank: Installation, browser: Browser) -> None:
    browser.sign_in(key_for(bank, "user:ann", ApiScope.VERIFY))
    assert "opens no page" in shown(browser.get("/console"))


# The token is the only source of identity


def test_a_revoked_token_signs_out_at_the_next_request(
    bank: Installation, browser: Browser
) -> None:
    token = key_for(bank)
    browser.sign_in(token)
    assert browser.ask("allowance abroad").status_code == 200
    with bank.change() as session:
        revoke_key(session, TENANT, token.split("_")[1], now=bank.clock())
    for reply in (browser.ask("allowance abroad"), browser.get("/console/sources")):
        assert reply.status_code == 401
        assert "55 euros" not in reply.text
        assert "Sign in" in shown(reply)
    assert browser.cookies == {}


def test_a_grant_that_is_gone_is_gone_for_the_next_question(
    bank: Installation, browser: Browser
) -> None:
    browser.sign_in(key_for(bank))
    assert "55 euros" in browser.ask("allowance abroad").text
    bank.enable("user:ann", enabled=False)
    assert "55 euros" not in browser.ask("allowance abroad").text


def test_a_disabled_tenant_signs_out(bank: Installation, browser: Browser) -> None:
    browser.sign_in(key_for(bank))
    with bank.change() as session:
        session.get_one(Tenant, TENANT).enabled = False
    reply = browser.get("/console/sources")
    assert reply.status_code == 403
    assert "tenant_disabled" in reply.text
    assert browser.cookies == {}


def test_a_session_ends_however_much_it_is_used(bank: Installation, browser: Browser) -> None:
    browser.sign_in(key_for(bank))
    bank.clock.advance(LIFE - timedelta(seconds=1))
    assert browser.get("/console/sources").status_code == 200
    bank.clock.advance(timedelta(seconds=1))
    assert browser.get("/console/sources").status_code == 401


def test_a_cookie_that_was_not_sealed_here_is_no_session(
    bank: Installation, client: TestClient
) -> None:
    ends = int((bank.clock() + LIFE).timestamp())
    session = Session(key_for(bank), "n" * 22, ends)
    good = sealed(bank.runtime, session)
    value = {"t": session.token, "n": session.nonce, "e": session.ends_at}
    for cookie, status in (
        (good, 200),
        (good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), 401),
        (seal(bytes(32), Purpose.SESSION, value), 401),
        (seal(bank.runtime.secret, Purpose.CURSOR, value), 401),
        ("", 401),
        (session.token, 401),
        (f"{good}; clearance-console={good}", 401),
    ):
        headers = {"Cookie": f"clearance-console={cookie}"}
        assert client.get("/console/sources", headers=headers).status_code == status, cookie


def test_the_cookie_holds_the_token_where_nobody_can_read_it(
    bank: Installation, browser: Browser
) -> None:
    token = key_for(bank)
    reply = browser.sign_in(token)
    pages = [reply, browser.get("/console/ask"), browser.ask("allowance"), browser.get("/console")]
    secret = token.rsplit("_", 1)[-1]
    for page in pages:
        assert secret not in f"{page.text}{page.headers}"


# Forms come from our own pages, in their own session


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": SITE},
        {"Sec-Fetch-Site": "same-site", "Origin": SITE},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_a_form_of_another_site_does_nothing_on_any_page(
    bank: Installation, browser: Browser, headers: dict[str, str]
) -> None:
    token = key_for(bank)
    browser.sign_in(token)
    posts = [door.path for door in doors(bank) if door.method == "POST"] + ["/console/sign-in"]
    assert len(posts) >= 5
    for path in posts:
        asked = re.sub(r"\{[^}]+\}", NOBODY_S_ID, path)
        reply = browser.send(asked, {"query": "x", "token": token}, headers=headers)
        assert (reply.status_code, "cross_site" in reply.text) == (403, True), path
        assert "set-cookie" not in reply.headers


def test_a_form_without_the_mark_of_its_session_does_nothing(
    bank: Installation, client: TestClient
) -> None:
    one, other = Browser(client), Browser(client)
    one.sign_in(key_for(bank))
    foreign = one.mark
    other.sign_in(key_for(bank))
    assert foreign != other.mark
    for mark in ("", foreign, other.mark.upper(), "é"):
        reply = other.send("/console/ask", {"query": "allowance"}, mark=mark)
        assert (reply.status_code, "cross_site" in reply.text) == (403, True), mark
    assert other.send("/console/ask", {"query": "allowance"}).status_code == 200


def test_a_browser_that_says_where_a_form_comes_from_is_believed(
    bank: Installation, browser: Browser
) -> None:
    browser.sign_in(key_for(bank))
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert browser.send("/console/ask", {"query": "x"}, headers=headers).status_code == 200


# On record


def test_answers_evidence_and_refusals_are_on_record_as_of_rest(
    bank: Installation, browser: Browser
) -> None:
    browser.sign_in(key_for(bank, "user:ann", ApiScope.RETRIEVE))
    answer = browser.ask("allowance abroad")
    chunk = re.findall(r"/console/evidence/([\w-]+)", answer.text)[0]
    browser.get(f"/console/evidence/{chunk}")
    browser.get(f"/console/evidence/{NOBODY_S_ID}")
    browser.get("/console/access")
    browser.send("/console/ask", {"query": "x"}, mark="")
    told = [
        (event.kind, event.body.get("operation"), event.body.get("code")) for event in events(bank)
    ]
    assert told[-5:] == [
        ("query", None, None),
        ("evidence", None, None),
        ("denial", "GET /console/evidence/{chunk_id}", "not_found"),
        ("denial", "GET /console/access", "forbidden"),
        ("denial", "POST /console/ask", "cross_site"),
    ]


def test_what_a_stranger_sends_grows_no_audit(bank: Installation, browser: Browser) -> None:
    before = len(events(bank))
    browser.sign_in("clr_" + "0" * 16 + "_" + "x" * 43)
    browser.get("/console/evidence/x")
    browser.send("/console/ask", {"query": "x"})
    assert len(events(bank)) == before
