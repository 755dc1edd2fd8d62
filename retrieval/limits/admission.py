"""Admission: the one door to every answer, over HTTP and MCP alike.

In this order, so that what costs least refuses first, and nothing is charged for what is refused by
an earlier step:

1. *The crowd*: requests of this user, and of this tenant, that are here already.
2. *The purse*: windows of requests, tokens, time.
3. *The room*: a slot to be worked on, or a place to wait for one, fairly between tenants. Waiting
   is awaited, so it holds no thread; whoever would wait too long is refused at once.

The caller is established before: what a stranger sends is nobody's use. What must never live here:
what a caller may see; and the local command line, which is held to none of this.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

import anyio.to_thread

from ingestion.errors import RefusedForNowError
from retrieval import metrics as measure
from retrieval.limits.budgets import Holder
from retrieval.limits.counters import Counters
from retrieval.limits.crowd import Crowd
from retrieval.limits.purse import accounts_of
from retrieval.limits.room import Room, State
from retrieval.limits.spells import Spells
from retrieval.limits.ticket import Ticket, concurrent, too_many
from retrieval.resilience import deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from acl.caller import Caller
    from ingestion.errors import QuotaExceededError
    from retrieval.limits.budgets import Operation
    from retrieval.limits.counters import Account
    from retrieval.limits.room import Place
    from retrieval.limits.settings import LimitSettings

    OnSpell = Callable[[Caller, Operation, QuotaExceededError], None]

Result = TypeVar("Result")

TOGETHER: Final = 1_024
"""Requests that may wait in all; a tenant of which nobody waits is let in beyond that."""

QUEUE: Final = "queue"
"""The ``budget`` label of refusals for want of a slot."""

_KNOWN: Final = 4_096  # users whose accounts are kept at hand
_MAX_RETRY_SECONDS: Final = 30.0
_WEIGHT: Final = 0.1  # of the newest in the moving average of how long work takes


class Admission:
    """Decides who is worked on now. Thread-safe; awaited in whichever loop the request runs.

    Args:
        settings: budgets, slots and how long to wait.
        secret: of the installation; keys of accounts are made with it.
        counters: where use is counted; None for what the settings name.
        on_spell: puts on record that a spell of refusals begins (:mod:`retrieval.limits.spells`);
            may raise ``AuditError``, which then is what the caller is told. May block.
    """

    def __init__(
        self,
        settings: LimitSettings,
        *,
        secret: bytes,
        counters: Counters | None = None,
        on_spell: OnSpell | None = None,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._counters = counters
        self._on_spell = on_spell
        self._spells = Spells()
        self._crowd = Crowd()
        self.room = Room(
            slots=settings.admission_slots,
            per_tenant=settings.admission_waiting,
            together=TOGETHER,
        )
        self._work_seconds = 0.0
        # The same for every request of a user, and settings never change.
        self._accounts = lru_cache(maxsize=_KNOWN)(self._find_accounts)

    def _find_accounts(self, tenant: str, subject: str) -> tuple[Account, ...]:
        return accounts_of(self._secret, tenant, subject, self._settings.limits(tenant))

    def admitted(self, caller: Caller, operation: Operation) -> Ticket:
        """Leave to do one operation, once it is entered with ``async with``.

        Args:
            caller: as established from the token.
            operation: what is asked.

        Entering raises:
            QuotaExceededError: a budget is used up.
            BudgetStoreError: it cannot be told, and the budget fails closed.
            RefusedForNowError: there is no slot, and there will not be one in time.
        """
        accounts = self._accounts(caller.tenant, str(caller.subject))
        patience, until = self._settings.admission_wait_seconds, deadline.current()
        if until is not None:
            patience = min(patience, until.remaining())
        return Ticket(self, caller, accounts, operation, patience=patience)

    def refuses(self, caller: Caller, *, under_way: int = 0) -> RefusedForNowError | None:
        """Why a request of ``caller`` would be refused now, as far as this process knows already.

        Costs next to nothing: no store is asked, and nobody is charged.

        Args:
            caller: who asks.
            under_way: requests of the tenant that were let past this and are not answered yet. Some
                of them have not come to wait so far; without them, a burst would find room.
        """
        accounts = self._accounts(caller.tenant, str(caller.subject))
        crowded = self._crowd.crowded(concurrent(accounts))
        if crowded is not None:
            return too_many(crowded)
        tenant = caller.tenant
        ahead = max(under_way - self.room.slots, self.room.waiting(tenant))
        hopeless = self._expected(tenant, ahead) > self._settings.admission_wait_seconds
        full = ahead >= self._settings.admission_waiting or self.room.full(tenant)
        return self._overloaded(tenant) if hopeless or full else None

    @property
    def counters(self) -> Counters:
        """Where use is counted, made on first use."""
        if self._counters is None:
            self._counters = Counters(self._settings.redis_url)
        return self._counters

    def close(self) -> None:
        """Let go of the connections to a shared store."""
        if self._counters is not None:
            self._counters.close()

    @property
    def crowd(self) -> Crowd:
        """Who is here."""
        return self._crowd

    async def blocking(self, work: Callable[[], Result]) -> Result:
        """Do what may wait for a remote store: off the loop if there is one."""
        if self._settings.redis_url is None:
            return work()
        return await anyio.to_thread.run_sync(work)

    async def refused(
        self, caller: Caller, operation: Operation, error: QuotaExceededError
    ) -> None:
        """Put a refusal on record, if it is one that begins a spell.

        Raises:
            acl.errors.AuditError: it could not be.
        """
        record = self._on_spell
        if record is not None and self._spells.begins(error, caller.tenant, str(caller.subject)):
            await anyio.to_thread.run_sync(record, caller, operation, error)

    async def enter(self, tenant: str, *, patience: float) -> Place:
        """A slot, waited for no longer than ``patience`` seconds.

        Raises:
            RefusedForNowError: there is none in time.
        """
        if self._expected(tenant, self.room.waiting(tenant)) > patience:
            raise self._overloaded(tenant)
        loop = asyncio.get_running_loop()
        called = loop.create_future()
        place: Place | None = None

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(_resolve, called)
            except RuntimeError:  # the loop is gone, and whoever waited in it
                if place is not None:
                    self.room.leave(place)

        place = self.room.arrive(tenant, wake)
        if place is None:
            raise self._overloaded(tenant)
        if place.state is State.INSIDE:
            measure.current().waited(seconds=0.0, admitted=True)
            return place
        came = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await called
        except TimeoutError:
            measure.current().waited(seconds=time.monotonic() - came, admitted=False)
            self.room.leave(place)
            raise self._overloaded(tenant) from None
        except BaseException:
            self.room.leave(place)
            raise
        measure.current().waited(seconds=time.monotonic() - came, admitted=True)
        return place

    def leave(self, place: Place, *, seconds: float) -> None:
        """Give the slot back after so many seconds of work."""
        self._work_seconds += _WEIGHT * (seconds - self._work_seconds)
        self.room.leave(place)

    def _expected(self, tenant: str, ahead: int) -> float:
        """Seconds that a request would wait behind others, going by how long work took of late."""
        if ahead <= 0:
            return 0.0
        others = self.room.tenants_waiting() - (self.room.waiting(tenant) > 0)
        return ahead * (1 + others) * self._work_seconds / self.room.slots

    def _overloaded(self, tenant: str) -> RefusedForNowError:
        measure.current().budget_refusal(budget=QUEUE, scope=Holder.TENANT)
        expected = self._expected(tenant, self.room.waiting(tenant))
        seconds = min(max(1.0, expected), _MAX_RETRY_SECONDS)
        return RefusedForNowError(
            "more is asked of the service than it can answer at the moment; ask again shortly",
            retry_after=seconds,
        )


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
