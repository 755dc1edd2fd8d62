"""What can be set of budgets, and what cannot."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from retrieval.limits.budgets import KINDS, Budget, Holder
from retrieval.limits.settings import LimitSettings, TenantBudgets
from retrieval.settings import Settings


def test_every_budget_can_be_set_for_users_for_tenants_and_for_a_single_tenant() -> None:
    for budget, kind in KINDS.items():
        for holder in Holder:
            name = f"{holder}_{kind.setting}"
            assert f"budget_{name}" in LimitSettings.model_fields
            settings = LimitSettings(
                **{f"budget_{name}": 7}, budget_tenants={"acme": TenantBudgets(**{name: 3})}
            )
            amounts = {
                tenant: {(one.budget, one.holder): one.amount for one in settings.limits(tenant)}
                for tenant in ("acme", "globex")
            }
            assert amounts["acme"][budget, holder] == 3 * kind.scale
            assert amounts["globex"][budget, holder] == 7 * kind.scale


def test_unset_only_concurrency_is_bounded() -> None:
    assert {one.budget for one in LimitSettings().limits("acme")} == {Budget.CONCURRENCY}


@pytest.mark.parametrize(
    "wrong",
    [
        {"acme": {"user_request_per_minute": 1}},
        {"acme": {"user_requests_per_minute": 0}},
        {"acme": {"user_requests_per_minute": -1}},
        ["acme"],
    ],
)
def test_a_misspelled_or_senseless_budget_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: object
) -> None:
    monkeypatch.setenv("CLEARANCE_BUDGET_TENANTS", json.dumps(wrong))
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("url", ["localhost:6379", "http://127.0.0.1", "memory://"])
def test_a_store_that_cannot_be_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="redis://"):
        LimitSettings(redis_url=url)


def test_the_address_of_the_store_which_may_hold_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(LimitSettings(redis_url="redis://:hunter2@127.0.0.1:1/0"))
    with pytest.raises(ValidationError) as raised:
        Settings(redis_url="redis:/:hunter2@127.0.0.1:1/0")
    assert "hunter2" not in str(raised.value)
