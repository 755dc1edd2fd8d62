"""Scopes, callers and conditions: safe things that cannot be made unsafely."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from acl.caller import ApiScope, Caller, GroupsFrom, Narrowing
from acl.conditions import (
    RESERVED_FIELDS,
    AllOf,
    AnyOf,
    Between,
    InvalidConditionError,
    caller_filter,
    contradicts,
    stands,
    under,
)
from acl.errors import InvalidPrincipalError, MissingScopeError
from acl.principal import EVERYONE, Principal
from acl.scope import MINT, AccessScope
from tests.support.clock import HOUR, NOON
from tests.support.installation import caller

SCOPE = AccessScope(
    caller=caller(),
    acl_ids=frozenset({"b", "a"}),
    sources=None,
    closed=frozenset(),
    as_of=NOON,
    valid_until=NOON + HOUR,
    acl_version=1,
    mint=MINT,
)
NOTHING = replace(SCOPE, acl_ids=frozenset())


def test_a_scope_cannot_be_made_without_the_mint() -> None:
    with pytest.raises(TypeError, match=r"made by acl\.resolve"):
        replace(SCOPE, mint=object())  # type: ignore[arg-type]  # the forgery


def test_a_scope_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        SCOPE.acl_ids = frozenset({"c"})  # type: ignore[misc]  # the point


def test_a_scope_speaks_about_its_own_tenant_alone() -> None:
    assert SCOPE.permits("bank", "a", "wiki")
    assert not SCOPE.permits("rival", "a", "wiki")
    assert not SCOPE.permits("bank", "c", "wiki")
    assert not SCOPE.permits("bank", "", "wiki")
    assert not NOTHING.permits("bank", "a", "wiki")


def test_a_scope_narrowed_to_sources_permits_nothing_of_another() -> None:
    narrowed = replace(SCOPE, sources=frozenset({"wiki"}))
    assert narrowed.permits("bank", "a", "wiki")
    assert not narrowed.permits("bank", "a", "mail")
    assert replace(SCOPE, sources=frozenset()).empty
    assert narrowed.within(["mail", "wiki"]) == {"wiki"}
    assert narrowed.within(None) == {"wiki"}
    assert SCOPE.within(["mail"]) == {"mail"}
    assert SCOPE.within(None) is None


def test_what_a_token_is_narrowed_to_is_part_of_the_scope_and_not_of_the_caller_s_filter() -> None:
    narrowed = replace(SCOPE, sources=frozenset({"wiki"}))
    own = caller_filter({"source": ("mail", "wiki")})
    condition = under(narrowed, own)
    assert condition.conditions == under(narrowed).conditions
    assert AnyOf("source", ("wiki",)) in condition.conditions
    assert condition.place == (AnyOf("source", ("wiki",)),)


def test_what_satisfies_a_filter_must_stand_in_a_source_of_the_token() -> None:
    narrowed = replace(SCOPE, sources=frozenset({"wiki"}))
    condition = under(narrowed, caller_filter({"media_type": ("text/html",)}))
    assert condition.place == (AnyOf("source", ("wiki",)), AnyOf("media_type", ("text/html",)))
    seen = {"tenant": "bank", "acl": "a", "source": ("mail", "wiki")}
    page = {"source": "wiki", "media_type": "text/html"}
    assert condition.matches(seen, [page])
    assert not condition.matches(seen, [page | {"source": "mail"}, page | {"media_type": "x"}])


def test_a_filter_for_other_sources_than_the_token_s_is_answered_without_the_index() -> None:
    narrowed = replace(SCOPE, sources=frozenset({"wiki"}))
    own = caller_filter({"source": ("mail",)})
    assert contradicts(narrowed, own)
    assert not contradicts(SCOPE, own)
    with pytest.raises(InvalidConditionError, match="without asking the index"):
        under(narrowed, own)


@pytest.mark.parametrize(
    ("low", "high", "held"),
    [(None, None, {-5, 0, 5}), (0, None, {0, 5}), (None, 0, {-5}), (0, 5, {0}), (5, 0, set())],
)
def test_a_range_holds_its_lower_end_and_not_its_upper(
    low: int | None, high: int | None, held: set[int]
) -> None:
    bounds = (Between("modified", low, high),)
    assert {at for at in (-5, 0, 5) if stands(bounds, {"modified": at})} == held
    assert not stands(bounds, {"modified": None})
    assert not stands(bounds, {})


def test_a_scope_expires_at_the_very_instant() -> None:
    assert not SCOPE.expired(NOON)
    assert SCOPE.expired(NOON + HOUR)
    assert not replace(SCOPE, valid_until=None).expired(NOON + 1000 * HOUR)


def test_the_scope_is_the_first_part_of_every_condition() -> None:
    own = caller_filter({"source": ("wiki", "mail", "wiki")})
    assert under(SCOPE, own) == AllOf(
        (AnyOf("tenant", ("bank",)), AnyOf("acl", ("a", "b"))), (AnyOf("source", ("mail", "wiki")),)
    )


def test_an_empty_scope_makes_no_condition() -> None:
    with pytest.raises(InvalidConditionError, match="without asking the index"):
        under(NOTHING)


@pytest.mark.parametrize("field", sorted(RESERVED_FIELDS))
def test_a_caller_cannot_filter_on_what_the_scope_decides(field: str) -> None:
    with pytest.raises(InvalidConditionError, match=field):
        caller_filter({field: ("x",)})
    with pytest.raises(InvalidConditionError, match="set by the scope"):
        under(SCOPE, (AnyOf(field, ("x",)),))


def test_a_filter_without_values_is_refused() -> None:
    with pytest.raises(InvalidConditionError, match="give a value") as refused:
        caller_filter({"source": ()})
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("payload", "places", "expected"),
    [
        ({"tenant": "bank", "acl": "a"}, [{"source": "mail"}, {"source": "wiki"}], True),
        ({"tenant": "bank", "acl": "c"}, [{"source": "wiki"}], False),
        ({"tenant": "rival", "acl": "a"}, [{"source": "wiki"}], False),
        ({"tenant": "bank", "acl": "a"}, [{"source": "mail"}], False),
        ({"tenant": "bank", "acl": "a"}, [], False),
        ({}, [{"source": "wiki"}], False),
    ],
)
def test_every_condition_must_hold(
    payload: dict[str, str | tuple[str, ...]], places: list[dict[str, str]], *, expected: bool
) -> None:
    condition = under(SCOPE, caller_filter({"source": ("wiki",)}))
    assert condition.matches(payload, places) is expected


@pytest.mark.parametrize("nobody", [EVERYONE, Principal.parse("group:staff")])
def test_only_users_and_services_call(nobody: Principal) -> None:
    with pytest.raises(InvalidPrincipalError, match=r"^subject: "):
        Caller("bank", nobody)
    with pytest.raises(InvalidPrincipalError, match=r"^actor: "):
        Caller("bank", Principal.parse("user:ann"), (nobody,))


def test_a_caller_needs_the_very_api_scope() -> None:
    who = Caller("bank", Principal.parse("user:ann"), (), frozenset({ApiScope.RETRIEVE}))
    who.require(ApiScope.RETRIEVE)
    with pytest.raises(MissingScopeError, match="acl:admin"):
        who.require(ApiScope.ACL_ADMIN)


def test_api_scopes_and_the_sources_of_groups_are_spelt_as_tokens_and_settings_spell_them() -> None:
    spelt = {"retrieve", "verify", "ingest", "acl:admin", "analyst", "audit", "ops"}
    assert {scope.value for scope in ApiScope} == spelt
    assert {origin.value for origin in GroupsFrom} == {"directory", "claim", "both"}


def test_a_caller_is_bound_by_an_agent_or_by_what_the_token_takes_away() -> None:
    ann = Principal.parse("user:ann")
    assert not Caller("bank", ann).bound
    assert Caller("bank", ann, (Principal.parse("service:bot"),)).bound
    assert Caller("bank", ann, narrowing=Narrowing(purpose="audit")).bound
    assert Caller("bank", ann, via="key:1") == Caller("bank", ann)


def test_a_token_asserts_groups_and_nothing_else() -> None:
    ann = Principal.parse("user:ann")
    Caller("bank", ann, groups=frozenset({Principal.parse("group:staff")}))
    with pytest.raises(InvalidPrincipalError, match="groups"):
        Caller("bank", ann, groups=frozenset({Principal.parse("group:staff"), ann}))
