"""Tokens: nobody is anybody but by a good token, and what is wrong with a bad one stays with us.

The list of attacks is the list of promises. Each is sent over HTTP to the real application, whose
issuer's keys come from a real server on this machine; each is refused in the very same bytes, and
the operator alone learns why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from acl.identity.faults import REFUSED, RefusedTokenError
from retrieval.api.app import create_app
from tests.support.clock import NOON
from tests.support.installation import TENANT, Installation
from tests.support.issuer import (
    AUDIENCE,
    ISSUER,
    KeyServer,
    claims,
    configured,
    key_set,
    part,
    sign,
    sign_raw,
    signing_key,
    token,
    unsigned,
    with_secret,
)
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpx2 import Response

    from tests.support.catalogue import Blank

MAIN, OTHER, STRANGER = signing_key("main"), signing_key("other"), signing_key("stranger")
RSA = signing_key("rsa", "RS256")
TEXT = "The travel allowance abroad is 55 euros a day."
AT_NOON = int(NOON.timestamp())
MINUTE = 60


@dataclass(frozen=True)
class Service:
    """The running application and its issuer's key server."""

    world: Installation
    client: TestClient
    keys: KeyServer

    def ask(self, bearer: str | None, **headers: str) -> Response:
        """Ask one question with a token, or without."""
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        body = {"query": "travel allowance abroad", "min_relevance": 0}
        headers["X-Request-ID"] = "same"
        return self.client.post("/v1/retrieve", json=body, headers=headers)

    def shown(self, bearer: str) -> list[str]:
        """The texts a token brings."""
        reply = self.ask(bearer)
        assert reply.status_code == 200, reply.text
        return [piece["text"] for piece in reply.json()["evidence"]]

    def fault(self, bearer: str) -> str:
        """What the operator learns about a token."""
        with pytest.raises(RefusedTokenError) as raised:
            self.world.runtime.identify(bearer)
        assert str(raised.value) == REFUSED
        return raised.value.fault.value


@pytest.fixture(scope="module")
def service(blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("tokens")
    published = key_set(MAIN.jwk(), OTHER.jwk(), RSA.jwk())
    with (
        KeyServer(published).running() as keys,
        Installation.open(
            blank_catalogue,
            home,
            issuers=[configured(keys.url, algorithms=["ES256", "RS256"])],
        ) as world,
    ):
        world.know("user:ann", "user:everyone")
        world.ingest(
            ListedSource("wiki", (acl("a", allow("user:ann")),), {"t.txt": Shelved(TEXT, "a")})
        )
        with TestClient(create_app(world.runtime), raise_server_exceptions=False) as client:
            yield Service(world, client, keys)


def test_a_good_token_speaks_for_its_subject_and_nobody_else(service: Service) -> None:
    """The control: every token below differs from this one in one respect."""
    assert service.shown(token()) == [TEXT]
    assert service.shown(token(sub="bob")) == []
    assert service.shown(token(RSA)) == [TEXT]


def pem() -> bytes:
    """The public key everybody can fetch, as text."""
    return RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def swapped(bearer: str, **changes: Any) -> str:
    """The token with other claims under the old signature."""
    header, _, signature = bearer.split(".")
    return f"{header}.{part(json.dumps(claims(**changes)).encode())}.{signature}"


ATTACKS: dict[str, tuple[Callable[[], str], str]] = {
    # The signature
    "alg none": (lambda: unsigned({"alg": "none", "kid": "main"}) + "AA", "algorithm"),
    "alg None": (lambda: sign(json.dumps(claims()), MAIN, header={"alg": "None"}), "algorithm"),
    "alg none without a signature": (lambda: unsigned({"alg": "none", "kid": "main"}), "malformed"),
    "no alg": (lambda: token(header={"alg": None}), "algorithm"),
    "HS256 with the public key": (lambda: with_secret(pem(), key_id="rsa"), "algorithm"),
    "HS256 with an empty secret": (lambda: with_secret(b"", key_id="rsa"), "algorithm"),
    "an algorithm that is not the key's": (lambda: token(header={"alg": "RS256"}), "algorithm"),
    "an algorithm that is not the issuer's": (
        lambda: sign(json.dumps(claims()), signing_key("rsa", "RS256"), header={"alg": "RS512"}),
        "algorithm",
    ),
    "signed by a stranger": (lambda: token(STRANGER, header={"kid": "main"}), "signature"),
    "signed by another key of the issuer": (
        lambda: token(OTHER, header={"kid": "main"}),
        "signature",
    ),
    "other claims under a good signature": (lambda: swapped(token(), sub="bob"), "signature"),
    "no signature": (lambda: token().rpartition(".")[0] + ".", "malformed"),
    # The key
    "an unknown key": (lambda: token(STRANGER), "unknown_key"),
    "no key id": (lambda: token(header={"kid": None}), "unknown_key"),
    "a number for a key id": (lambda: token(header={"kid": 1}), "unknown_key"),
    "a path for a key id": (lambda: token(header={"kid": "../../../dev/null"}), "unknown_key"),
    "an address for a key id": (
        lambda: token(header={"kid": "https://evil.example"}),
        "unknown_key",
    ),
    "SQL for a key id": (lambda: token(header={"kid": "x' UNION SELECT 'main"}), "unknown_key"),
    "a key that comes along": (lambda: token(STRANGER, header={"jwk": STRANGER.jwk()}), "header"),
    "an address of keys that comes along": (
        lambda: token(STRANGER, header={"jku": "https://evil.example/keys", "kid": "main"}),
        "header",
    ),
    "a certificate that comes along": (lambda: token(header={"x5c": ["MIIB"]}), "header"),
    "an address of a certificate": (lambda: token(header={"x5u": "https://e.example"}), "header"),
    # The header
    "a critical extension": (lambda: token(header={"crit": ["exp"], "exp": 1}), "header"),
    "a payload that is not encoded": (lambda: token(header={"b64": False}), "header"),
    "a token within a token": (lambda: token(header={"cty": "JWT"}), "header"),
    "compression": (lambda: token(header={"zip": "DEF"}), "header"),
    "another kind of token": (lambda: token(header={"typ": "logout+jwt"}), "header"),
    "a proof of possession": (lambda: token(header={"typ": "dpop+jwt"}), "header"),
    "two algorithms in one header": (
        lambda: sign_raw(
            '{"alg":"none","alg":"ES256","kid":"main"}', json.dumps(claims()), MAIN
        ),
        "malformed",
    ),
    # Who issued it, and for whom
    "an unknown issuer": (lambda: token(iss="https://evil.example"), "unknown_issuer"),
    "an issuer with a slash more": (lambda: token(iss=f"{ISSUER}/"), "unknown_issuer"),
    "an issuer in capitals": (lambda: token(iss=ISSUER.upper()), "unknown_issuer"),
    "a list of issuers": (lambda: token(iss=[ISSUER]), "unknown_issuer"),
    "no issuer": (lambda: token(iss=None), "unknown_issuer"),
    "another audience": (lambda: token(aud="https://elsewhere.example"), "audience"),
    "an audience that begins alike": (lambda: token(aud=f"{AUDIENCE}.evil.example"), "audience"),
    "an empty audience": (lambda: token(aud=""), "claim"),
    "an audience that is no text": (lambda: token(aud={"x": AUDIENCE}), "audience"),
    "a list with something else": (lambda: token(aud=[AUDIENCE, 1]), "audience"),
    "no audience": (lambda: token(aud=None), "claim"),
    # When
    "expired": (lambda: token(iat=AT_NOON - 7200, exp=AT_NOON - 31), "expired"),
    "expired to the second": (lambda: token(exp=AT_NOON - 30), "expired"),
    "issued in the future": (lambda: token(iat=AT_NOON + 31), "not_yet_valid"),
    "not to be used before later": (lambda: token(nbf=AT_NOON + 31), "not_yet_valid"),
    "no expiry": (lambda: token(exp=None), "claim"),
    "an expiry that is text": (lambda: token(exp=str(AT_NOON + 60)), "claim"),
    "an expiry that is true": (lambda: token(exp=True), "claim"),
    "an expiry that is null": (
        lambda: sign(json.dumps(claims() | {"exp": None}), MAIN),
        "claim",
    ),
    "an expiry beyond all numbers": (
        lambda: sign(json.dumps(claims())[:-1] + ', "nbf": 1e999}', MAIN),
        "claim",
    ),
    "NaN for an expiry": (
        lambda: sign(json.dumps(claims(exp=float("nan"))), MAIN),
        "malformed",
    ),
    "good for a month": (lambda: token(exp=AT_NOON + 30 * 86_400), "lifetime"),
    "good from no known moment": (lambda: token(iat=None), "lifetime"),
    # The form
    "too large": (lambda: token(filler="x" * 16_384), "oversized"),
    "a subject named twice": (
        lambda: sign(json.dumps(claims())[:-1] + ', "sub": "bob"}', MAIN),
        "malformed",
    ),
    "a scope named twice": (
        lambda: sign('{"scope": "", ' + json.dumps(claims())[1:], MAIN),
        "malformed",
    ),
    "claims that are a list": (lambda: sign("[]", MAIN), "malformed"),
    "claims that are no JSON": (lambda: sign("{", MAIN), "malformed"),
    "claims nested without end": (
        lambda: sign('{"iss":' * 1_500 + "1" + "}" * 1_500, MAIN),
        "malformed",
    ),
    "four parts": (lambda: token() + ".AA", "malformed"),
    "five parts, as encrypted tokens have": (lambda: token() + ".AA.AA", "malformed"),
    "two parts": (lambda: token().rpartition(".")[0], "malformed"),
    "a line break at the end": (lambda: token() + "\n", "malformed"),
    "padding": (lambda: token() + "=", "malformed"),
    "a token bound to a key": (lambda: token(cnf={"jkt": "x"}), "bound"),
    # Who asks
    "no subject": (lambda: token(sub=None), "subject"),
    "an empty subject": (lambda: token(sub=""), "subject"),
    "a subject that is a number": (lambda: token(sub=7), "subject"),
    "a subject that is a list": (lambda: token(sub=["ann"]), "subject"),
    "a wildcard": (lambda: token(sub="*"), "subject"),
    "a wildcard at the end": (lambda: token(sub="an?"), "subject"),
    "a decomposed spelling": (lambda: token(sub="ann\u0065\u0301"), "subject"),
    "an invisible character": (lambda: token(sub="ann\u200b"), "subject"),
    "a character of direction": (lambda: token(sub="\u202eann"), "subject"),
    "a blank": (lambda: token(sub=" ann"), "subject"),
    "a null": (lambda: token(sub="ann\x00"), "subject"),
    "a subject without end": (lambda: token(sub="a" * 257), "subject"),
    "an actor that is a text": (lambda: token(act="service:bot"), "actor"),
    "an actor without a subject": (lambda: token(act={"client_id": "bot"}), "actor"),
    "an actor that is nobody": (lambda: token(act={}), "actor"),
    "an actor that is null": (lambda: sign(json.dumps(claims() | {"act": None}), MAIN), "actor"),
    "an actor of another issuer": (
        lambda: token(act={"sub": "bot", "iss": "https://evil.example"}),
        "actor",
    ),
    "a wildcard for an actor": (lambda: token(act={"sub": "*"}), "actor"),
    "a chain of actors without end": (
        lambda: token(act={"sub": "1", "act": {"sub": "2", "act": {"sub": "3", "act": {
            "sub": "4", "act": {"sub": "5"}}}}}),
        "actor",
    ),
    "a scope that is a number": (lambda: token(scope=1), "claim"),
    "a scope within a list": (lambda: token(scope=[["retrieve"]]), "claim"),
    "a token id with a line break": (lambda: token(jti="1\nforged"), "claim"),
    # What it takes away
    "a narrowing that is a text": (lambda: token(clearance="docs"), "narrowing"),
    "a narrowing that is null": (
        lambda: sign(json.dumps(claims() | {"clearance": None}), MAIN),
        "narrowing",
    ),
    "a narrowing with a misspelt part": (lambda: token(clearance={"soruces": ["x"]}), "narrowing"),
    "a source that is a text": (lambda: token(clearance={"sources": "wiki"}), "narrowing"),
    "a source that is a number": (lambda: token(clearance={"sources": [1]}), "narrowing"),
    "a purpose that is a list": (lambda: token(clearance={"purpose": ["audit"]}), "narrowing"),
    "no purpose in particular": (lambda: token(clearance={"purpose": ""}), "narrowing"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_bad_token_is_refused_and_the_operator_learns_why(service: Service, attack: str) -> None:
    make, fault = ATTACKS[attack]
    assert service.fault(make()) == fault


def test_every_bad_token_is_refused_in_the_same_bytes(service: Service) -> None:
    bearers = [make() for make, _ in ATTACKS.values()]
    sendable = [bearer for bearer in bearers if "\n" not in bearer]
    replies = {(reply.status_code, reply.content, str(reply.headers["www-authenticate"])): bearer
               for bearer in ("nonsense", "clr_x", "..", *sendable)
               if (reply := service.ask(bearer))}  # fmt: skip
    assert len(replies) == 1
    status, content, challenge = next(iter(replies))
    assert (status, challenge) == (401, 'Bearer realm="clearance"')
    assert json.loads(content)["detail"] == REFUSED
    assert service.ask(None).content == content


def test_a_token_is_good_within_the_leeway_and_not_beyond(service: Service) -> None:
    for good in (
        token(iat=AT_NOON - 3600, exp=AT_NOON - 29),
        token(iat=AT_NOON + 29),
        token(nbf=AT_NOON + 29),
        token(exp=AT_NOON + 86_400),
        token(exp=AT_NOON + 59.5),
    ):
        assert service.shown(good) == [TEXT]


@pytest.mark.parametrize(
    "subject",
    [
        *("Ann", "ANN", "аnn", "ann@evil", "bank/ann", "user:ann", "everyone", "group:staff"),
        *("tenant:bank", "tenant:bank:ann", "service:ann", "bank:user:ann", "ａｎｎ"),
    ],
)
def test_a_look_alike_is_somebody_else_who_sees_nothing(service: Service, subject: str) -> None:
    assert service.shown(token(sub=subject)) == []
    caller = service.world.runtime.identify(token(sub=subject)).caller
    assert (str(caller.subject), caller.tenant) == (f"user:{subject}", TENANT)


@pytest.mark.parametrize("claim", ["tenant", "tid", "org_id", "clearance_tenant"])
def test_a_claim_nobody_configured_moves_nobody_to_another_tenant(
    service: Service, claim: str
) -> None:
    assert service.world.runtime.identify(token(**{claim: "rival"})).caller.tenant == TENANT


@pytest.mark.parametrize(
    "header",
    [
        *("X-User", "X-Tenant", "X-Forwarded-User", "X-Remote-User", "X-Forwarded-Email"),
        *("X-Auth-Request-User", "X-Clearance-Tenant", "Cookie", "Proxy-Authorization"),
    ],
)
def test_no_other_header_says_who_asks(service: Service, header: str) -> None:
    assert service.ask(token(sub="bob"), **{header: "user:ann"}).json()["evidence"] == []
    assert service.ask(None, **{header: f"Bearer {token()}"}).status_code == 401


def test_two_authorization_headers_are_nobody(service: Service) -> None:
    bearer = ("Authorization", f"Bearer {token()}")
    for headers in ([bearer, bearer], [bearer, ("authorization", "Bearer x")]):
        reply = service.client.post("/v1/retrieve", json={"query": "x"}, headers=headers)
        assert reply.status_code == 401


@pytest.mark.parametrize("name", ["access_token", "token", "authorization"])
def test_a_token_in_the_address_is_not_looked_at(service: Service, name: str) -> None:
    reply = service.client.post("/v1/retrieve", json={"query": "x"}, params={name: token()})
    assert reply.status_code == 401
    assert (
        service.client.post("/v1/retrieve", json={"query": "x", name: token()}).status_code == 401
    )


@pytest.mark.parametrize("scope", ["", "openid", "Retrieve", "retrieve,verify", "acl:admin", None])
def test_a_scope_that_means_nothing_here_opens_nothing(service: Service, scope: str | None) -> None:
    assert service.ask(token(scope=scope)).status_code == 403


def test_what_a_token_may_be_used_for_is_what_the_operator_said(service: Service) -> None:
    everything = token(scope="retrieve verify acl:admin ops audit ingest analyst")
    caller = service.world.runtime.identify(everything).caller
    assert sorted(caller.api_scopes) == ["retrieve", "verify"]


def test_a_token_stops_at_its_expiry(service: Service) -> None:
    bearer = token(iat=AT_NOON, exp=AT_NOON + MINUTE)
    assert service.shown(bearer) == [TEXT]
    service.world.clock.advance(timedelta(seconds=MINUTE + 30))
    try:
        assert service.ask(bearer).status_code == 401
    finally:
        service.world.clock.now = NOON


def test_the_audit_knows_each_token_by_its_issuer_and_id(service: Service) -> None:
    identify = service.world.runtime.identify
    assert identify(token()).caller.via == f"jwt:{ISSUER}:token-1"
    first, second = identify(token(jti=None)).caller.via, identify(token(jti=None)).caller.via
    assert first.startswith(f"jwt:{ISSUER}:sha256-")
    assert first != second  # ES256 signatures of one payload differ
    assert token(jti=None).rpartition(".")[2] not in first
