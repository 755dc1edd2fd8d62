"""What the claims of a verified token say, for each way an issuer can be configured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.caller import ApiScope, GroupsFrom, Narrowing
from acl.identity.claims import MAX_ACTORS, caller_from, check_times
from acl.identity.faults import RefusedTokenError
from acl.identity.issuer import Algorithm, Issuer
from acl.principal import Principal, PrincipalKind
from tests.support.clock import NOON
from tests.support.issuer import ISSUER, claims

if TYPE_CHECKING:
    from acl.caller import Caller

PLAIN = Issuer(
    name=ISSUER,
    audiences=frozenset({"x"}),
    algorithms=(Algorithm.ES256,),
    tenants=frozenset({"bank"}),
)
TWO_TENANTS = replace(PLAIN, tenants=frozenset({"bank", "shop"}), tenant_claim="org")
CLAIMED = replace(PLAIN, groups_from=GroupsFrom.CLAIM, groups_claim="groups")


def caller(issuer: Issuer = PLAIN, **changes: Any) -> Caller:
    return caller_from(claims(**changes), issuer, signature="signature")


def fault(issuer: Issuer = PLAIN, **changes: Any) -> str:
    with pytest.raises(RefusedTokenError) as raised:
        caller(issuer, **changes)
    return raised.value.fault.value


def principals(*texts: str) -> tuple[Principal, ...]:
    return tuple(Principal.parse(text) for text in texts)


# Tenants


def test_an_issuer_speaks_for_the_tenants_it_is_trusted_with_and_no_other() -> None:
    assert caller(TWO_TENANTS, org="shop").tenant == "shop"
    for org in ("rival", "Bank", "bank ", "", None, ["bank"], {"bank": 1}, True):
        assert fault(TWO_TENANTS, org=org) == "tenant"


def test_one_tenant_needs_no_claim_and_heeds_none() -> None:
    assert caller(tenant="shop", org="shop").tenant == "bank"


def test_a_single_tenant_can_still_ask_for_its_claim() -> None:
    strict = replace(PLAIN, tenant_claim="org")
    assert caller(strict, org="bank").tenant == "bank"
    assert fault(strict) == "tenant"


# Who asks


def test_the_kind_of_who_asks_is_the_operator_s_word_and_never_the_token_s() -> None:
    assert caller(sub="service:bot").subject == Principal(PrincipalKind.USER, "service:bot")
    services = replace(PLAIN, subject_kind=PrincipalKind.SERVICE)
    assert caller(services, sub="user:ann").subject == Principal(PrincipalKind.SERVICE, "user:ann")


def test_a_configured_claim_tells_services_from_users() -> None:
    both = replace(PLAIN, service_claim=("idtyp", "app"))
    assert caller(both, idtyp="app").subject.kind is PrincipalKind.SERVICE
    for other in ("user", "App", "", ["app"], True, None):
        assert caller(both, idtyp=other).subject.kind is PrincipalKind.USER


def test_another_claim_can_hold_the_subject() -> None:
    by_mail = replace(PLAIN, subject_claim="email")
    assert str(caller(by_mail, email="ann@bank.example").subject) == "user:ann@bank.example"
    assert fault(by_mail) == "subject"


def test_a_prefix_keeps_the_ids_of_issuers_apart() -> None:
    prefixed = replace(PLAIN, subject_prefix="okta/")
    asked = caller(prefixed, act={"sub": "bot"})
    assert [str(asked.subject), *map(str, asked.actors)] == ["user:okta/ann", "service:okta/bot"]
    assert fault(prefixed, sub="") == "subject"


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()), st.booleans()))
def test_whatever_stands_in_sub_is_a_well_formed_user_or_refused(sub: Any) -> None:
    try:
        subject = caller(sub=sub).subject
    except RefusedTokenError:
        return
    assert subject == Principal.parse(f"user:{sub}")


# Delegation


def test_every_actor_of_a_chain_counts_the_current_one_first() -> None:
    chain = {"sub": "bot", "act": {"sub": "scheduler", "iss": ISSUER, "exp": 1}}
    assert caller(act=chain).actors == principals("service:bot", "service:scheduler")


def test_actors_can_be_users() -> None:
    people = replace(PLAIN, actor_kind=PrincipalKind.USER)
    assert caller(people, act={"sub": "eve"}).actors == principals("user:eve")


def test_a_chain_as_long_as_the_longest_is_taken_and_one_longer_refused() -> None:
    def chain(length: int) -> dict[str, Any]:
        made: dict[str, Any] = {"sub": f"{length}"}
        return made if length == 1 else made | {"act": chain(length - 1)}

    assert len(caller(act=chain(MAX_ACTORS)).actors) == MAX_ACTORS
    assert fault(act=chain(MAX_ACTORS + 1)) == "actor"


# Groups


def test_groups_of_a_claim_are_groups_whatever_they_are_called() -> None:
    asked = caller(CLAIMED, groups=["staff", "user:bob", "everyone", "/sales/north"])
    assert asked.groups == frozenset(
        principals("group:staff", "group:user:bob", "group:everyone", "group:/sales/north")
    )
    assert asked.groups_from is GroupsFrom.CLAIM
    assert caller(CLAIMED, groups=[]).groups == frozenset()


def test_a_claim_of_groups_counts_only_if_the_issuer_is_trusted_with_groups() -> None:
    assert caller(groups=["board"]).groups == frozenset()
    assert caller(groups="nonsense").groups_from is GroupsFrom.DIRECTORY


@pytest.mark.parametrize("where", [GroupsFrom.CLAIM, GroupsFrom.BOTH])
@pytest.mark.parametrize(
    "said",
    [
        {},
        *({"groups": groups} for groups in ("staff", {"staff": 1}, 1, True)),
        *({"groups": ["staff", wrong]} for wrong in ("", "*", "a b", "e\u0301", 1, None, ["x"])),
        {"groups": ["staff"], "hasgroups": True},
        {"groups": ["staff"], "_claim_names": {"groups": "src1"}},
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}},
    ],
    ids=str,
)
def test_groups_that_cannot_be_resolved_in_full_refuse_the_token(
    where: GroupsFrom, said: dict[str, Any]
) -> None:
    """Each could be the one that a deny names."""
    assert fault(replace(CLAIMED, groups_from=where), **said) == "groups"


# API scopes


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ("retrieve", {"retrieve"}),
        ("openid retrieve  verify profile", {"retrieve", "verify"}),
        (["verify", "openid"], {"verify"}),
        ("", set()),
        ([], set()),
        (None, set()),
        ("retrieve\tverify", set()),
    ],
)
def test_scopes_are_a_list_or_separated_by_blanks(scope: Any, meant: set[str]) -> None:
    assert caller(scope=scope).api_scopes == meant


def test_scopes_mean_what_the_operator_says() -> None:
    mapped = replace(PLAIN, scope_claim="roles", scopes={"Evidence.Read": ApiScope.RETRIEVE})
    asked = caller(mapped, roles=["Evidence.Read", "retrieve", "ops"], scope="verify")
    assert asked.api_scopes == {ApiScope.RETRIEVE}


# Narrowing


def test_a_token_can_take_away_sources_acls_and_purposes() -> None:
    told = {"sources": ["wiki"], "acls": ["team", "team"], "purpose": "audit"}
    assert caller(clearance=told).narrowing == Narrowing(
        frozenset({"wiki"}), frozenset({"team"}), "audit"
    )
    assert caller(clearance={}).narrowing == Narrowing()
    assert caller(clearance={"sources": []}).narrowing.sources == frozenset()


def test_another_claim_can_hold_the_narrowing() -> None:
    named = replace(PLAIN, narrowing_claim="https://clearance.example/narrowing")
    told = {"https://clearance.example/narrowing": {"purpose": "audit"}, "clearance": "ignored"}
    assert caller(named, **told).narrowing.purpose == "audit"


# Times


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@given(value=st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_no_instant_makes_anything_but_a_decision(claim: str, value: Any) -> None:
    try:
        check_times({**claims(), claim: value}, PLAIN, now=NOON)
    except RefusedTokenError:
        return
    assert type(value) in {int, float}


def test_without_a_longest_lifetime_a_token_may_be_good_for_years() -> None:
    years = claims(exp=int(NOON.timestamp()) + 10**9, iat=None)
    check_times(years, replace(PLAIN, max_lifetime_seconds=None), now=NOON)
    with pytest.raises(RefusedTokenError):
        check_times(years, PLAIN, now=NOON)


# Configuration


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"algorithms": ()}, "algorithms"),
        ({"audiences": frozenset()}, "audiences"),
        ({"tenants": frozenset()}, "tenants"),
        ({"tenants": frozenset({"a", "b"})}, "tenant_claim"),
        ({"subject_kind": PrincipalKind.GROUP}, "subject_kind"),
        ({"actor_kind": PrincipalKind.EVERYONE}, "actor_kind"),
        ({"groups_from": GroupsFrom.BOTH}, "groups_claim"),
        ({"leeway_seconds": -1}, "leeway_seconds"),
    ],
)
def test_an_issuer_that_would_be_believed_by_accident_cannot_be_made(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        replace(PLAIN, **changes)
