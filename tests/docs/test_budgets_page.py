"""The page on budgets: it names every budget, setting and refusal, and what it shows works."""

from __future__ import annotations

import pytest

from ingestion.errors import BudgetStoreError, QuotaExceededError, RefusedForNowError
from retrieval.limits import counters, early
from retrieval.limits.budgets import KINDS, Budget, Failing, Holder, Limit, Unit
from retrieval.limits.counters import Balance
from retrieval.limits.fields import LIMIT, POLICY, fields
from retrieval.settings import Settings
from tests.docs.documents import ROOT, fences

PAGE = "docs/budgets.md"
WORDS = {Failing.OPEN: "open", Failing.CLOSED: "closed", Failing.NEVER: "never fails"}


def text() -> str:
    return (ROOT / PAGE).read_text("utf-8")


@pytest.mark.parametrize("budget", Budget)
def test_every_budget_has_a_row_with_its_setting_defaults_and_what_if_it_cannot_be_counted(
    budget: Budget,
) -> None:
    kind = KINDS[budget]
    [row] = [line for line in text().splitlines() if line.startswith(f"| `{budget}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == f"`{kind.setting.upper()}`"
    defaults = [
        Settings.model_fields[f"budget_{holder}_{kind.setting}"].default for holder in Holder
    ]
    assert cells[3] == ("unlimited" if defaults == [None, None] else ", ".join(map(str, defaults)))
    assert cells[4] == WORDS[kind.failing]


def test_the_budgets_of_a_single_tenant_are_set_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    [shown] = [fence.text for fence in fences(PAGE) if fence.mark == "budgets"]
    monkeypatch.setenv("CLEARANCE_BUDGET_TENANTS", shown)
    limits = {(one.budget, one.holder): one.amount for one in Settings().limits("acme")}
    assert limits[Budget.REQUESTS, Holder.USER] == 600
    assert (Budget.CONCURRENCY, Holder.TENANT) not in limits
    assert limits[Budget.CONCURRENCY, Holder.USER] == 16


def test_the_fields_are_those_that_are_sent() -> None:
    told = fields(
        [
            Balance(Limit(Budget.REQUESTS, Holder.USER, 60), left=59, seconds=41.3),
            Balance(Limit(Budget.REQUESTS, Holder.TENANT, 60), left=3, seconds=1),
            Balance(Limit(Budget.WALL_CLOCK, Holder.USER, 60), left=3, seconds=1),
            Balance(Limit(Budget.TOKENS_PER_DAY, Holder.USER, 200_000), 198_744, 80_120.5),
        ]
    )
    assert set(told) == {POLICY, LIMIT}
    for name, value in told.items():
        assert f"{name}: {value}" in text()


def test_it_names_every_refusal_and_every_unit_that_is_told() -> None:
    for kind in (RefusedForNowError, QuotaExceededError, BudgetStoreError):
        assert f"`{kind.default_code}`" in text()
    for unit in (Unit.EVIDENCE_TOKENS, Unit.CLAIMS):
        assert f"`{unit}`" in text()


def test_the_times_it_names_are_those_of_the_code() -> None:
    assert (counters.STORE_SECONDS, counters.PAUSE_SECONDS) == (0.25, 5)
    assert (early.REMEMBERED_SECONDS, early.LOG_SECONDS) == (60, 1)
