"""The setting CLEARANCE_ISSUERS: what is wrong is refused at the start, and named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from acl.caller import ApiScope
from acl.identity.issuer import Algorithm
from retrieval.cli.exits import wording
from retrieval.issuers import create_tokens
from retrieval.settings import Settings
from tests.support.issuer import configured

URL = "https://issuer.example/keys"


def settings(monkeypatch: pytest.MonkeyPatch, value: object) -> Settings:
    monkeypatch.setenv("CLEARANCE_ISSUERS", value if isinstance(value, str) else json.dumps(value))
    return Settings()


def test_issuers_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    (issuer,) = settings(monkeypatch, [configured(URL, scopes={"read": "retrieve"})]).issuers
    trusted = issuer.trusted()
    assert trusted.algorithms == (Algorithm.ES256,)
    assert trusted.tenants == {"bank"}
    assert trusted.scopes == {"read": ApiScope.RETRIEVE}


def test_without_any_nothing_is_loaded_and_no_jwt_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLEARANCE_ISSUERS", raising=False)
    assert Settings().issuers == ()
    assert create_tokens(()) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS512", "", "es256", None, 1])
def test_no_symmetric_or_unknown_algorithm_can_be_configured(
    monkeypatch: pytest.MonkeyPatch, algorithm: Any
) -> None:
    with pytest.raises(ValidationError, match="algorithms"):
        settings(monkeypatch, [configured(URL, algorithms=["ES256", algorithm])])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"issuer": None}, "issuer"),
    "an empty issuer": ({"issuer": ""}, "issuer"),
    "no audience": ({"audience": []}, "audience"),
    "no algorithm": ({"algorithms": []}, "algorithms"),
    "keys over plain http": ({"jwks_url": "http://issuer.example/keys"}, "https"),
    "keys from two places": ({"jwks_file": "/tmp/keys.json"}, "jwks_url or jwks_file"),
    "keys from nowhere": ({"jwks_url": None}, "jwks_url or jwks_file"),
    "no tenant": ({"tenant": None}, "tenant or tenant_claim"),
    "two ways to a tenant": ({"tenant_claim": "org", "tenants": ["a"]}, "tenant or tenant_claim"),
    "a claim and no tenants": ({"tenant": None, "tenant_claim": "org"}, "tenants"),
    "tenants and no claim": ({"tenants": ["a"]}, "tenants"),
    "a nameless tenant": ({"tenant": ""}, "tenant"),
    "a group that calls": ({"subject_kind": "group"}, "subject_kind"),
    "groups from no claim": ({"groups_from": "claim"}, "groups_claim"),
    "an unknown API scope": ({"scopes": {"admin": "root"}}, "scopes"),
    "a leeway of a day": ({"leeway_seconds": 86_400}, "leeway_seconds"),
    "a lifetime of nothing": ({"max_lifetime_seconds": 0}, "max_lifetime_seconds"),
    "a misspelt field": ({"audiences": ["x"]}, "audiences"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_issuer_is_refused_and_the_field_is_named(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    changes, named = WRONG[case]
    with pytest.raises(ValidationError) as raised:
        settings(monkeypatch, [configured(URL, **changes)])
    message = wording(raised.value)
    assert message.startswith("CLEARANCE_ISSUERS")
    assert named in message


@pytest.mark.parametrize(
    "text", ["[{", "{}", "null", '"x"', "1", '[{"issuer": "a", "issuer": "b"}]']
)
def test_what_is_no_list_of_issuers_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError, match="issuers"):
        settings(monkeypatch, text)


def test_one_issuer_cannot_be_trusted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    other = configured(URL, tenant="shop")
    with pytest.raises(ValidationError, match="given twice"):
        settings(monkeypatch, [configured(URL), other])


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("", "", False),
        ("", "okta/", False),  # the first could write the second's IDs
        ("okta/", "okta/x/", False),
        ("okta/", "okta/", False),
        ("okta/", "entra/", True),
    ],
)
def test_two_issuers_of_one_tenant_need_ids_that_cannot_meet(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, *, apart: bool
) -> None:
    both = [
        configured(URL, subject_prefix=one),
        configured(URL, issuer="https://other.example", subject_prefix=other),
    ]
    if apart:
        assert len(settings(monkeypatch, both).issuers) == 2
        return
    with pytest.raises(ValidationError, match="subject_prefix"):
        settings(monkeypatch, both)
    both[1]["tenant"] = "shop"
    assert len(settings(monkeypatch, both).issuers) == 2
