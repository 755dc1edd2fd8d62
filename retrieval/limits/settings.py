"""What an operator can set of budgets and admission. Unset means unlimited."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from retrieval.limits.budgets import KINDS, Holder, Limit

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SLOTS: Final = 24
"""Below the service's worker threads: the rest authenticate, administrate and take in documents."""

REDIS: Final = ("redis://", "rediss://", "redis+unix://")

Amount = Annotated[int, Field(ge=1, le=10**12)]


class TenantBudgets(BaseModel):
    """What is set otherwise for one tenant; null lifts a limit, what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_requests_per_minute: Amount | None = None
    tenant_requests_per_minute: Amount | None = None
    user_concurrency: Amount | None = None
    tenant_concurrency: Amount | None = None
    user_seconds_per_minute: Amount | None = None
    tenant_seconds_per_minute: Amount | None = None
    user_evidence_tokens_per_minute: Amount | None = None
    tenant_evidence_tokens_per_minute: Amount | None = None
    user_evidence_tokens_per_day: Amount | None = None
    tenant_evidence_tokens_per_day: Amount | None = None
    user_claims_per_minute: Amount | None = None
    tenant_claims_per_minute: Amount | None = None


def default_slots() -> int:
    """The number of processors, at least 2 and at most 24."""
    return min(max(2, os.cpu_count() or 1), MAX_SLOTS)


class LimitSettings(BaseSettings):
    """The part of the settings that is about budgets and admission."""

    # A URL may hold a password, and what is wrong with it is shown on a screen.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    budget_user_requests_per_minute: Amount | None = Field(
        default=None, description="Requests per minute of one user. See docs/budgets.md."
    )
    budget_tenant_requests_per_minute: Amount | None = Field(
        default=None, description="Requests per minute of one tenant."
    )
    budget_user_concurrency: Amount | None = Field(
        default=16, description="Requests of one user at once in one process, waiting ones counted."
    )
    budget_tenant_concurrency: Amount | None = Field(
        default=128,
        description="Requests of one tenant at once in one process, waiting ones counted.",
    )
    budget_user_seconds_per_minute: Amount | None = Field(
        default=None, description="Seconds of work per minute for one user."
    )
    budget_tenant_seconds_per_minute: Amount | None = Field(
        default=None, description="Seconds of work per minute for one tenant."
    )
    budget_user_evidence_tokens_per_minute: Amount | None = Field(
        default=None, description="Tokens of evidence served per minute to one user."
    )
    budget_tenant_evidence_tokens_per_minute: Amount | None = Field(
        default=None, description="Tokens of evidence served per minute to one tenant."
    )
    budget_user_evidence_tokens_per_day: Amount | None = Field(
        default=None, description="Tokens of evidence served per day to one user."
    )
    budget_tenant_evidence_tokens_per_day: Amount | None = Field(
        default=None, description="Tokens of evidence served per day to one tenant."
    )
    budget_user_claims_per_minute: Amount | None = Field(
        default=None, description="Claims checked per minute for one user."
    )
    budget_tenant_claims_per_minute: Amount | None = Field(
        default=None, description="Claims checked per minute for one tenant."
    )
    budget_tenants: dict[str, TenantBudgets] = Field(
        default={},
        description="Budgets of single tenants that differ, as a JSON object: see docs/budgets.md.",
    )
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis that counts budgets for all replicas (extra redis); default: each "
        "process counts for itself.",
    )
    admission_slots: int = Field(
        default_factory=default_slots,
        ge=1,
        le=MAX_SLOTS,
        description="Requests for evidence or checks worked on at once; others wait their turn.",
    )
    admission_waiting: int = Field(
        default=64, ge=1, le=10_000, description="Requests of one tenant that may wait."
    )
    admission_wait_seconds: float = Field(
        default=2,
        gt=0,
        le=60,
        description="A request that has waited this long is refused with overloaded.",
    )

    @field_validator("redis_url")
    @classmethod
    def _can_be_reached(cls, value: str | None) -> str | None:
        """Said at the start, and not to the first who asks."""
        if value is None:
            return value
        if not value.startswith(REDIS):
            raise ValueError(f"give a URL that begins with one of {', '.join(REDIS)}")
        if find_spec("redis") is None:
            raise ValueError("the client is missing: pip install 'clearance-retrieval[redis]'")
        return value

    def limits(self, tenant: str) -> Iterator[Limit]:
        """Every limit in force in a tenant."""
        other = self.budget_tenants.get(tenant)
        for holder in Holder:
            for budget, kind in KINDS.items():
                name = f"{holder}_{kind.setting}"
                differs = other is not None and name in other.model_fields_set
                amount: Any = getattr(other, name) if differs else getattr(self, f"budget_{name}")
                if amount is not None:
                    yield Limit(budget, holder, amount * kind.scale)
