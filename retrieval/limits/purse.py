"""What one caller may spend on one operation: budgets of the user, and of the tenant.

All are asked before any is charged, so that whoever is refused by one budget uses up no other: a
user who floods must not eat up what the tenant has. Two requests at the same moment may both be
granted the last of it; that is the price of not locking a store that replicas share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from acl.digest import keyed
from ingestion.errors import QuotaExceededError
from retrieval import metrics as measure
from retrieval.limits.budgets import Budget, Holder, Limit, Unit
from retrieval.limits.counters import Account

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from retrieval.limits.budgets import Operation
    from retrieval.limits.counters import Balance, Counters


def accounts_of(
    secret: bytes, tenant: str, subject: str, limits: Iterable[Limit]
) -> tuple[Account, ...]:
    """The accounts of a subject of a tenant, whichever key, token or agent was used."""
    holders = {Holder.USER: (tenant, subject), Holder.TENANT: (tenant,)}
    return tuple(
        Account(
            limit,
            keyed(secret, "budget", limit.holder, limit.budget, *holders[limit.holder]).hex()[:32],
        )
        for limit in limits
    )


class Purse:
    """The windows that concern one operation of one caller, and how they stood when last seen.

    Args:
        counters: where they are counted.
        accounts: those of the caller that have a window.
        operation: what is asked.
    """

    def __init__(
        self, counters: Counters, accounts: Sequence[Account], operation: Operation
    ) -> None:
        self._counters = counters
        self._accounts = [one for one in accounts if one.limit.concerns(operation)]
        self._seen: dict[Account, Balance] = {}

    @property
    def balances(self) -> Sequence[Balance]:
        """How the windows stood when last seen."""
        return [self._seen[account] for account in self._accounts if account in self._seen]

    def open(self) -> None:
        """Pay for one request, unless something is used up.

        Raises:
            QuotaExceededError: something is.
            BudgetStoreError: it cannot be told, and the budget fails closed.
        """
        self._pay({Unit.REQUESTS: 1}, self._accounts)

    def pay_claims(self, claims: int) -> None:
        """Pay for claims that are about to be checked; raises as :meth:`open` does."""
        unit = Unit.CLAIMS
        self._pay({unit: claims}, [one for one in self._accounts if one.limit.kind.unit is unit])

    def charge(self, unit: Unit, amount: int) -> None:
        """Charge what was used, whatever is left.

        Raises:
            BudgetStoreError: it cannot be counted, and the budget fails closed: then what it was
                used for must not leave.
        """
        if amount <= 0:
            return
        for account in self._accounts:
            if account.limit.kind.unit is unit:
                self._seen[account] = self._counters.charge(account, amount)

    def _pay(self, costs: dict[Unit, int], accounts: Sequence[Account]) -> None:
        short: list[tuple[Balance, int]] = []
        for account in accounts:
            cost = costs.get(account.limit.kind.unit, 0 if account.limit.kind.prepaid else 1)
            balance = self._seen[account] = self._counters.balance(account, max(1, cost))
            if balance.left < cost:
                short.append((balance, cost))
        if short:
            raise used_up(*max(short, key=lambda one: one[0].seconds))
        for account in accounts:
            cost = costs.get(account.limit.kind.unit, 0)
            if not cost:
                continue
            if not self._counters.take(account, cost):
                raise used_up(self._counters.balance(account, cost), cost)
            self._seen[account] = self._counters.balance(account)


def used_up(balance: Balance, cost: int = 1) -> QuotaExceededError:
    """The refusal for a limit that does not grant ``cost``, counted."""
    limit, kind = balance.limit, balance.limit.kind
    measure.current().budget_refusal(budget=limit.budget, scope=limit.holder)
    granted = f"this {limit.holder}'s budget of {limit.amount // kind.scale:,} {kind.words}"
    if cost > limit.amount:
        said = f"{granted} does not grant {cost:,} at once: ask for fewer at a time"
    elif limit.budget is Budget.CONCURRENCY:
        said = f"{granted} is used up: wait for an answer before asking again"
    else:
        said = f"{granted} is used up: ask again in {max(1, math.ceil(balance.seconds))} seconds"
    return QuotaExceededError(
        said, retry_after=balance.seconds, budget=limit.budget, holder=limit.holder
    )
