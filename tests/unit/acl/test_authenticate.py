"""The one door: which kind of token is which, and what is left of somebody who was switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acl.admin import directory
from acl.caller import ApiScope
from acl.identity.authenticate import Authenticator
from acl.identity.faults import RefusedTokenError
from acl.identity.issuer import Algorithm, Issuer
from acl.identity.jwks import KeySet
from acl.identity.keys import create_key
from acl.identity.tokens import Tokens
from acl.principal import Principal
from tests.support.clock import NOON
from tests.support.installation import TENANT
from tests.support.issuer import AUDIENCE, ISSUER, key_set, signing_key, token

if TYPE_CHECKING:
    from acl.orm import Database

ANN, BOT = Principal.parse("user:ann"), Principal.parse("service:bot")
EVERY_SCOPE = " ".join(ApiScope)
READING = {ApiScope.RETRIEVE, ApiScope.VERIFY}


@pytest.fixture
def door(catalogue: Database) -> Authenticator:
    """An issuer that may say everything, and keys."""
    issuer = Issuer(
        name=ISSUER,
        audiences=frozenset({AUDIENCE}),
        algorithms=(Algorithm.ES256,),
        tenants=frozenset({TENANT}),
        scopes={scope.value: scope for scope in ApiScope},
    )
    published = key_set(signing_key("main").jwk())
    keys = KeySet(lambda: published, issuer.algorithms)
    return Authenticator(catalogue, tokens=Tokens([(issuer, keys)]))


def key(catalogue: Database, actor: Principal | None = None) -> str:
    with catalogue.write(TENANT) as session:
        return create_key(session, TENANT, ANN, api_scopes=ApiScope, now=NOON, actor=actor).token


def scopes(door: Authenticator, bearer: str) -> frozenset[ApiScope]:
    return door.identify(bearer, now=NOON).caller.api_scopes


def switch(catalogue: Database, principal: Principal, *, enabled: bool) -> None:
    with catalogue.write(TENANT) as session:
        directory.ensure_principal(session, TENANT, principal, now=NOON)
        directory.set_enabled(session, TENANT, principal, enabled=enabled)


def test_a_key_names_no_audience_and_a_jwt_its_own(
    catalogue: Database, door: Authenticator
) -> None:
    assert door.identify(key(catalogue), now=NOON).audiences is None
    assert door.identify(token(aud=["x", AUDIENCE]), now=NOON).audiences == ("x", AUDIENCE)


@pytest.mark.parametrize(
    ("bearer", "fault"),
    [
        ("", "absent"),
        (" ", "malformed"),
        ("clr_", "malformed"),
        ("CLR_x", "malformed"),
        ("a.b.c", "malformed"),
        (f"clr_{token()}", "malformed"),  # once taken for a key, a token is not tried as a JWT
    ],
)
def test_what_is_neither_a_key_nor_a_jwt_is_nobody(
    door: Authenticator, bearer: str, fault: str
) -> None:
    with pytest.raises(RefusedTokenError) as raised:
        door.identify(bearer, now=NOON)
    assert raised.value.fault == fault


def test_whoever_is_switched_off_administers_nothing_from_the_next_request_on(
    catalogue: Database, door: Authenticator
) -> None:
    bearers = (key(catalogue), token(scope=EVERY_SCOPE))
    for bearer in bearers:
        assert scopes(door, bearer) == set(ApiScope)  # unknown to the directory, and trusted
    switch(catalogue, ANN, enabled=False)
    for bearer in bearers:
        assert scopes(door, bearer) == READING
    switch(catalogue, ANN, enabled=True)
    for bearer in bearers:
        assert scopes(door, bearer) == set(ApiScope)


@pytest.mark.parametrize(
    "bound",
    [
        {"act": {"sub": "bot"}},
        {"clearance": {"sources": ["wiki"]}},
        {"clearance": {"acls": []}},
        {"clearance": {"purpose": "audit"}},
    ],
    ids=str,
)
def test_nobody_administers_by_a_delegated_or_narrowed_token(
    door: Authenticator, bound: dict[str, Any]
) -> None:
    """An office cannot be narrowed; an agent that had one could grant itself the rest."""
    assert scopes(door, token(scope=EVERY_SCOPE, **bound)) == READING
    assert scopes(door, token(scope="retrieve", **bound)) == {ApiScope.RETRIEVE}


def test_nobody_administers_by_an_agent_s_key(catalogue: Database, door: Authenticator) -> None:
    assert scopes(door, key(catalogue, BOT)) == READING
