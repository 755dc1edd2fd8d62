"""Leave for one operation: entered, charged for what is used, and given back.

What never lives here: the decision (:mod:`retrieval.limits.admission`), and what is served.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from ingestion.errors import QuotaExceededError
from retrieval.limits.budgets import Budget, Unit
from retrieval.limits.counters import Balance
from retrieval.limits.fields import fields
from retrieval.limits.purse import Purse, used_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from acl.caller import Caller
    from retrieval.limits.admission import Admission
    from retrieval.limits.budgets import Operation
    from retrieval.limits.counters import Account
    from retrieval.limits.room import Place


class Ticket:
    """Leave for one operation. Made by :meth:`Admission.admitted`; entered once.

    Attributes:
        waited: seconds until there was a slot, once it is entered.

    While inside, say what was used: :meth:`claims` before the work, :meth:`evidence_tokens` after.
    """

    def __init__(
        self,
        admission: Admission,
        caller: Caller,
        accounts: Sequence[Account],
        operation: Operation,
        *,
        patience: float,
    ) -> None:
        self._admission = admission
        self._caller = caller
        self._operation = operation
        self._patience = patience
        self._concurrent = concurrent(accounts)
        windows = [one for one in accounts if one.limit.kind.window is not None]
        self._purse = Purse(admission.counters, windows, operation) if windows else None
        self._place: Place | None = None
        self._began = 0.0
        self.waited = 0.0

    @property
    def headers(self) -> Mapping[str, str]:
        """The ``RateLimit`` fields of the response, as the budgets stood when last counted."""
        return {} if self._purse is None else fields(self._purse.balances)

    def claims(self, count: int) -> None:
        """Pay for claims that are about to be checked. Blocks while a remote store answers.

        Raises:
            QuotaExceededError: so many are not left.
        """
        if self._purse is not None:
            self._purse.pay_claims(count)

    def evidence_tokens(self, count: int) -> None:
        """Charge the evidence that is about to be served. Blocks as :meth:`claims` does.

        Raises:
            BudgetStoreError: it cannot be counted, so it must not be served.
        """
        if self._purse is not None:
            self._purse.charge(Unit.EVIDENCE_TOKENS, count)

    async def __aenter__(self) -> Self:
        crowded = self._admission.crowd.enter(self._concurrent)
        if crowded is not None:
            raise too_many(crowded)
        try:
            if self._purse is not None:
                await self._admission.blocking(self._purse.open)
            arrived = time.monotonic()
            self._place = await self._admission.enter(self._caller.tenant, patience=self._patience)
        except BaseException as error:
            self._admission.crowd.leave(self._concurrent)
            if isinstance(error, QuotaExceededError):
                await self._admission.refused(self._caller, self._operation, error)
            raise
        self._began = time.monotonic()
        self.waited = self._began - arrived
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = time.monotonic() - self._began
        if self._place is not None:
            self._admission.leave(self._place, seconds=seconds)
        self._admission.crowd.leave(self._concurrent)
        purse = self._purse
        if purse is not None:
            milliseconds = round(seconds * 1_000)
            await self._admission.blocking(lambda: purse.charge(Unit.MILLISECONDS, milliseconds))


def concurrent(accounts: Sequence[Account]) -> list[Account]:
    """The accounts of what is going on at this moment."""
    return [one for one in accounts if one.limit.budget is Budget.CONCURRENCY]


def too_many(account: Account) -> QuotaExceededError:
    """The refusal of one more request at once."""
    return used_up(Balance(account.limit, left=0, seconds=1))
