"""Issuers over time: keys that change, servers that fail, tenants they must not speak for, and MCP.

Each test opens an installation of its own, because each changes what the issuer publishes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from acl.caller import ApiScope
from acl.errors import InvalidTokenError
from acl.identity.faults import RefusedTokenError
from acl.identity.keys import create_key
from acl.models import Tenant
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.mcp.stdio import REFUSED, serve_stdio
from tests.support.installation import TENANT, Installation
from tests.support.issuer import KeyServer, configured, key_set, signing_key, token
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from tests.support.catalogue import Blank

PUBLIC = "https://clearance.example"
MCP = f"{PUBLIC}/mcp"
TEXT = "The travel allowance abroad is 55 euros a day."
MAIN, NEXT = signing_key("main"), signing_key("next")


class Service:
    """A running application over an installation in which Ann may see one document."""

    def __init__(self, world: Installation, client: TestClient) -> None:
        self.world = world
        self._client = client

    def post(self, path: str, body: Any, *bearers: str) -> Response:
        """A request with an ``Authorization`` header for each bearer token."""
        headers = [
            *(("Authorization", f"Bearer {bearer}") for bearer in bearers),
            ("Accept", "application/json, text/event-stream"),
            ("Host", "clearance.example"),
        ]
        return self._client.post(path, json=body, headers=headers)

    def ask(self, bearer: str) -> list[str] | int:
        """The texts a token brings, or the status of the refusal."""
        body = {"query": "travel allowance abroad", "min_relevance": 0}
        reply = self.post("/v1/retrieve", body, bearer)
        if reply.status_code != 200:
            return reply.status_code
        return [piece["text"] for piece in reply.json()["evidence"]]

    def call_tool(self, *bearers: str) -> int:
        """The status of a tool call over MCP."""
        call = {"name": "list_sources", "arguments": {}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        return self.post("/mcp", body, *bearers).status_code

    def fault(self, bearer: str) -> str:
        with pytest.raises(RefusedTokenError) as raised:
            self.world.runtime.identify(bearer)
        return raised.value.fault.value


@contextmanager
def serving(
    blank: Blank, home: Path, *issuers: dict[str, Any], **settings: Any
) -> Iterator[Service]:
    with Installation.open(
        blank, home, issuers=list(issuers), public_url=PUBLIC, **settings
    ) as world:
        for tenant in (TENANT, "rival"):
            world.know("user:ann", "user:b/ann", tenant=tenant)
            specs = [acl("a", allow("user:ann"))]
            shelf = {"t.txt": Shelved(TEXT if tenant == TENANT else "Theirs.", "a")}
            world.ingest(ListedSource("wiki", specs, shelf), tenant=tenant)
        with TestClient(create_app(world.runtime), raise_server_exceptions=False) as client:
            yield Service(world, client)


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with KeyServer().running() as running:
        yield running


# Keys


def test_an_issuer_that_cannot_be_reached_is_closed_and_asked_once(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    keys.status = 503
    with serving(blank_catalogue, tmp_path, configured(keys.url)) as service:
        for _ in range(20):
            assert service.ask(token()) == 401
            assert service.fault(token()) == "keys_unavailable"
    assert keys.asked == 1


def test_an_address_that_redirects_is_not_followed(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    with KeyServer().running() as elsewhere:
        keys.status, keys.headers = 302, {"Location": elsewhere.url}
        with serving(blank_catalogue, tmp_path, configured(keys.url)) as service:
            assert service.ask(token()) == 401
    assert elsewhere.asked == 0


def test_strangers_with_unknown_keys_do_not_reach_the_issuer(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    with serving(blank_catalogue, tmp_path, configured(keys.url)) as service:
        assert service.ask(token()) == [TEXT]
        for number in range(30):
            assert service.ask(token(header={"kid": f"unknown-{number}"})) == 401
        assert service.ask(token()) == [TEXT]
    assert keys.asked == 1


def test_strangers_without_a_trusted_issuer_do_not_either(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    with serving(blank_catalogue, tmp_path, configured(keys.url)) as service:
        assert service.ask(token(iss="https://evil.example")) == 401
        assert service.ask(token(header={"jku": "http://127.0.0.1:1/"})) == 401
    assert keys.asked == 0


def test_keys_can_come_from_a_file(blank_catalogue: Blank, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(MAIN.jwk()))
    issuer = configured("", jwks_url=None, jwks_file=str(path))
    with serving(blank_catalogue, tmp_path / "data", issuer) as service:
        assert service.ask(token()) == [TEXT]
        assert service.ask(token(NEXT)) == 401


def test_without_an_issuer_no_jwt_is_good_and_keys_are(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with serving(blank_catalogue, tmp_path) as service:
        assert service.fault(token()) == "unknown_issuer"
        assert service.ask(token()) == 401
        assert service.ask(api_key(service.world)) == [TEXT]


# Tenants


def test_an_issuer_cannot_speak_for_a_tenant_it_is_not_trusted_with(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    issuer = configured(keys.url, tenant=None, tenant_claim="org", tenants=[TENANT])
    with serving(blank_catalogue, tmp_path, issuer) as service:
        assert service.ask(token(org=TENANT)) == [TEXT]
        for org in ("rival", None, "", TENANT.upper(), [TENANT], f"{TENANT} ", f"tenant:{TENANT}"):
            assert service.ask(token(org=org)) == 401
            assert service.fault(token(org=org)) == "tenant"


def test_one_issuer_s_key_signs_nothing_for_another(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    with KeyServer(key_set(NEXT.jwk())).running() as others:
        rival = configured(others.url, issuer="https://rival.example", tenant="rival")
        with serving(blank_catalogue, tmp_path, configured(keys.url), rival) as service:
            assert service.ask(token(NEXT, iss="https://rival.example")) == ["Theirs."]
            assert service.ask(token(NEXT)) == 401
            assert service.ask(token(NEXT, header={"kid": "main"})) == 401
            assert service.fault(token(NEXT, header={"kid": "main"})) == "signature"


def test_ids_of_two_issuers_of_one_tenant_are_two_people(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    one = configured(keys.url, subject_prefix="a/")
    other = configured(keys.url, issuer="https://other.example", subject_prefix="b/")
    with serving(blank_catalogue, tmp_path, one, other) as service:
        identify = service.world.runtime.identify
        subjects = [
            str(identify(token(iss=iss)).caller.subject) for iss in (one["issuer"], other["issuer"])
        ]
    assert subjects == ["user:a/ann", "user:b/ann"]


def test_a_tenant_that_does_not_exist_or_is_off_admits_nobody(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    tenants = [TENANT, "nowhere"]
    issuer = configured(keys.url, tenant=None, tenant_claim="org", tenants=tenants)
    with serving(blank_catalogue, tmp_path, issuer) as service:
        assert service.ask(token(org="nowhere")) == 401
        assert service.fault(token(org="nowhere")) == "tenant"
        database = service.world.runtime.database
        with database.unguarded("a test switches a tenant off", writable=True) as session:
            session.get_one(Tenant, TENANT).enabled = False
        assert service.ask(token(org=TENANT)) == 403
        assert service.call_tool(token(org=TENANT, aud=[PUBLIC, MCP])) == 403
        assert service.ask(token(signing_key("stranger"), org=TENANT)) == 401


# MCP


def test_over_mcp_a_token_must_have_been_issued_for_mcp(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    issuer = configured(keys.url, audience=[PUBLIC, MCP])
    with serving(blank_catalogue, tmp_path, issuer) as service:
        assert service.call_tool(token(aud=MCP)) == 200
        assert service.call_tool(token(aud=[PUBLIC, MCP])) == 200
        assert service.call_tool(token(aud=PUBLIC)) == 401
        assert service.call_tool(token(aud=["https://elsewhere.example/mcp", PUBLIC])) == 401
        assert service.call_tool(token(aud=MCP, scope="openid")) == 403
        assert service.call_tool(api_key(service.world)) == 200
        assert service.ask(token(aud=PUBLIC)) == [TEXT]


def test_over_mcp_two_identities_are_nobody(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    issuer = configured(keys.url, audience=[PUBLIC, MCP])
    with serving(blank_catalogue, tmp_path, issuer) as service:
        good = token(aud=MCP)
        assert service.call_tool(good) == 200
        for bearers in ((good, good), (good, "x"), ("x", good), ()):
            assert service.call_tool(*bearers) == 401


def test_over_standard_streams_a_bad_token_is_refused_at_once(
    blank_catalogue: Blank, tmp_path: Path, keys: KeyServer
) -> None:
    bad = token(aud="https://elsewhere.example")
    with (
        serving(blank_catalogue, tmp_path, configured(keys.url), token=bad) as service,
        pytest.raises(InvalidTokenError, match="CLEARANCE_TOKEN") as raised,
    ):
        serve_stdio(service.world.runtime)
    assert str(raised.value) == REFUSED


def api_key(world: Installation) -> str:
    with world.change() as session:
        return create_key(
            session,
            TENANT,
            Principal.parse("user:ann"),
            api_scopes=[ApiScope.RETRIEVE],
            now=world.clock(),
        ).token
