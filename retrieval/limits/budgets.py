"""Which budgets there are: what each counts, over how long, and what if it cannot be counted.

One budget is counted twice, each time with a limit of its own: for the user (a subject of a tenant,
through whichever key, token or agent) and for the tenant (all of its users together).

What must never live here: anything that depends on documents the caller cannot see. Every budget
counts what the user, or the tenant, asked for and was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MINUTE: Final = 60
DAY: Final = 86_400


class Operation(StrEnum):
    """What is asked of the service; tools over MCP have the same names."""

    RETRIEVE = "retrieve"
    GET_EVIDENCE = "get_evidence"
    LIST_SOURCES = "list_sources"
    VERIFY = "verify_claims"


class Holder(StrEnum):
    """Whose use is counted."""

    USER = "user"
    TENANT = "tenant"


class Unit(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    CONCURRENT_REQUESTS = "concurrent-requests"
    MILLISECONDS = "milliseconds"
    EVIDENCE_TOKENS = "evidence-tokens"
    CLAIMS = "claims"


class Failing(StrEnum):
    """What happens while the store of the counts does not answer."""

    OPEN = "open"
    """This process goes on counting by itself, with the same limits."""
    CLOSED = "closed"
    """Nothing is admitted that would have to be counted."""
    NEVER = "never"
    """It is counted in this process, so no store can fail it."""


class Budget(StrEnum):
    """What can be limited. The name is the metric's label and the policy's name in headers."""

    REQUESTS = "requests"
    CONCURRENCY = "concurrency"
    WALL_CLOCK = "wall-clock"
    TOKENS_PER_MINUTE = "evidence-tokens-minute"
    TOKENS_PER_DAY = "evidence-tokens-day"
    CLAIMS = "claims"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a budget works.

    Attributes:
        unit: what is counted.
        window: over how many seconds; None for what is going on at this moment.
        prepaid: whether the cost is known before the work, so that what is not granted is not
            done. What is known only afterwards (tokens, time) is charged in full even beyond the
            limit, and nothing is admitted until the window has passed.
        failing: what happens while the store does not answer, and why so:
            rates protect the service, and losing the store must not take it down; tokens bound
            what a stolen credential can carry away, and losing the store must not lift that.
        setting: the name of its setting, behind ``budget_user_`` or ``budget_tenant_``.
        words: for people, behind "this user's" or "this tenant's".
        scale: how many units one unit of the setting is.
    """

    unit: Unit
    window: int | None
    prepaid: bool
    failing: Failing
    setting: str
    words: str
    scale: int = 1


KINDS: Final = {
    Budget.REQUESTS: Kind(
        Unit.REQUESTS, MINUTE, True, Failing.OPEN, "requests_per_minute", "requests per minute"
    ),
    Budget.CONCURRENCY: Kind(
        Unit.CONCURRENT_REQUESTS, None, True, Failing.NEVER, "concurrency", "requests at once"
    ),
    Budget.WALL_CLOCK: Kind(
        Unit.MILLISECONDS,
        MINUTE,
        False,
        Failing.OPEN,
        "seconds_per_minute",
        "seconds of work per minute",
        scale=1_000,
    ),
    Budget.TOKENS_PER_MINUTE: Kind(
        Unit.EVIDENCE_TOKENS,
        MINUTE,
        False,
        Failing.CLOSED,
        "evidence_tokens_per_minute",
        "evidence tokens per minute",
    ),
    Budget.TOKENS_PER_DAY: Kind(
        Unit.EVIDENCE_TOKENS,
        DAY,
        False,
        Failing.CLOSED,
        "evidence_tokens_per_day",
        "evidence tokens per day",
    ),
    Budget.CLAIMS: Kind(
        Unit.CLAIMS, MINUTE, True, Failing.OPEN, "claims_per_minute", "claims per minute"
    ),
}

SERVES_EVIDENCE: Final = frozenset({Operation.RETRIEVE, Operation.GET_EVIDENCE})
"""What is refused while tokens are used up; checking a draft and asking for sources go on."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget as it is granted to somebody.

    Attributes:
        budget: which.
        holder: whose use is counted.
        amount: in the budget's unit; per window, if it has one.
    """

    budget: Budget
    holder: Holder
    amount: int

    @property
    def kind(self) -> Kind:
        """How the budget works."""
        return KINDS[self.budget]

    def concerns(self, operation: Operation) -> bool:
        """Whether an operation is refused while this is used up."""
        if self.kind.unit is Unit.EVIDENCE_TOKENS:
            return operation in SERVES_EVIDENCE
        return operation is Operation.VERIFY if self.kind.unit is Unit.CLAIMS else True
