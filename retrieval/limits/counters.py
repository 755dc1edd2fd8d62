"""Counting use in windows, in this process or in Redis, through the library ``limits``.

What is known beforehand (requests, claims) is counted in a sliding window: the last window fades
out as this one goes on, so that nobody gets twice the limit around its end, and what is refused
costs nothing. What is known only afterwards (tokens, time) is counted in a fixed window that begins
with the first use: the sum may pass the limit by what was under way, and the overdraft stays on the
account until the window ends.

What must never live here: names. Keys are keyed digests of whom they belong to, because a shared
store is read by others than us.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from limits.limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from ingestion.errors import BudgetStoreError
from retrieval.limits.budgets import Failing, Limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from limits.limits import RateLimitItem
    from limits.storage import RedisStorage, Storage

Result = TypeVar("Result")

STORE_SECONDS: Final = 0.25
"""How long the store may take to connect or answer. A request waits for it several times."""

PAUSE_SECONDS: Final = 5.0
"""A store that failed is left alone for this long, so that not every request waits for it."""

_AFTER: Final = 0.01
"""At the very moment it is not yet granted; just after, it is."""

_NAMESPACE: Final = "clearance"


@dataclass(frozen=True, slots=True)
class Balance:
    """How a limit stands for its holder.

    Attributes:
        limit: which.
        left: units that are left, not below 0.
        seconds: until the window ends; if less is left than was asked about, until that much is.
    """

    limit: Limit
    left: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Account:
    """A limit and the key of its holder."""

    limit: Limit
    key: str

    @property
    def item(self) -> RateLimitItem:
        """What the library counts. The amount is not part of the key: see :class:`_Item`."""
        return _Item(self.limit.amount, self.limit.kind.window, namespace=self.limit.budget)


class _Item(RateLimitItemPerSecond):
    """A rate whose key does not change with its amount.

    Else whoever changes a limit would give everybody a new account.
    """

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return "/".join((self.namespace, *map(str, identifiers), str(self.multiples)))


class _Sliding(Protocol):
    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]: ...


class Counters:
    """Accounts of use. Thread-safe; blocks while a remote store answers.

    Args:
        redis_url: the shared store; None to count in this process.
    """

    def __init__(self, redis_url: str | None = None) -> None:
        self.remote = redis_url is not None
        self._here = self._shared = _Store(MemoryStorage(), guard=threading.Lock())
        self._close: Callable[[], None] = _nothing
        if redis_url is not None:
            storage = _redis(redis_url)
            self._shared = _Store(storage, guard=nullcontext())
            self._close = storage.storage.close
        self._shared_again = 0.0  # of the monotonic clock: not asked before
        self._lock = threading.Lock()

    def balance(self, account: Account, cost: int = 1) -> Balance:
        """How an account stands, without charging it.

        Args:
            account: which.
            cost: if that much is not left, the balance says in how many seconds it will be.

        Raises:
            BudgetStoreError: as of :meth:`take`.
        """
        return self._counted(account, lambda store: store.balance(account, cost))

    def take(self, account: Account, cost: int) -> bool:
        """Charge a prepaid account, if that much is left; whether it was.

        Raises:
            BudgetStoreError: the store does not answer, and the budget fails closed.
        """
        return self._counted(account, lambda store: store.take(account, cost))

    def charge(self, account: Account, cost: int) -> Balance:
        """Charge an account whatever is left.

        Raises:
            BudgetStoreError: as of :meth:`take`.
        """
        return self._counted(account, lambda store: store.charge(account, cost))

    def close(self) -> None:
        """Let go of the connections to a remote store."""
        self._close()

    def _counted(self, account: Account, count: Callable[[_Store], Result]) -> Result:
        """Ask the shared store; while it does not answer, do as the budget says."""
        if self._shared is self._here:
            return count(self._here)
        if time.monotonic() >= self._shared_again:
            try:
                return count(self._shared)
            except self._shared.failures:
                with self._lock:
                    self._shared_again = time.monotonic() + PAUSE_SECONDS
        if account.limit.kind.failing is Failing.CLOSED:
            raise BudgetStoreError(
                "use of evidence cannot be counted at the moment, so none is served; try again "
                "shortly",
                retry_after=PAUSE_SECONDS,
            )
        return count(self._here)


class _Store:
    """The two ways of counting over one storage.

    Args:
        storage: of the library.
        guard: entered for each call. The library's storage in memory may lose a count when a
            window ends under two threads; Redis takes care of itself.
    """

    def __init__(self, storage: Storage, *, guard: AbstractContextManager[object]) -> None:
        self._sliding = SlidingWindowCounterRateLimiter(storage)
        self._fixed = FixedWindowRateLimiter(storage)
        self._storage = cast("_Sliding", storage)
        self._guard = guard
        raised = storage.base_exceptions
        self.failures: tuple[type[Exception], ...] = (
            *(raised if isinstance(raised, tuple) else (raised,)),
            OSError,
        )

    def take(self, account: Account, cost: int) -> bool:
        with self._guard:
            return self._sliding.hit(account.item, account.key, cost=cost)

    def charge(self, account: Account, cost: int) -> Balance:
        with self._guard:
            self._fixed.hit(account.item, account.key, cost=cost)
        return self.balance(account, 1)

    def balance(self, account: Account, cost: int) -> Balance:
        with self._guard:
            if account.limit.kind.prepaid:
                return self._sliding_balance(account, cost)
            found = self._fixed.get_window_stats(account.item, account.key)
        seconds = max(0.0, found.reset_time - time.time())
        return Balance(account.limit, max(0, found.remaining), seconds)

    def _sliding_balance(self, account: Account, cost: int) -> Balance:
        limit, window = account.limit.amount, account.item.get_expiry()
        before, fades_in, now, ends_in = self._storage.get_sliding_window(
            account.item.key_for(account.key), window
        )
        ends_in = max(0.0, ends_in - window)  # the library counts from one window further on
        used = math.floor(before * fades_in / window) + now
        if used + cost > limit:
            seconds = _until_granted(limit - cost, window, before, fades_in, now, ends_in)
        else:
            seconds = ends_in if now else fades_in
        return Balance(account.limit, max(0, limit - used), seconds)


def _until_granted(  # noqa: PLR0917 - the terms of one formula, and private
    spare: int, window: float, before: int, fades_in: float, now: int, ends_in: float
) -> float:
    """Seconds until a sliding window has at most ``spare`` units in it, if nothing is added.

    A window counts what came before it, in proportion to how much of the last window it still
    overlaps, rounded down. ``before`` units fade out over ``fades_in`` seconds; the ``now`` units
    of this window begin to fade when it ends, in ``ends_in``.
    """
    if spare < 0:
        return window  # more than is ever granted
    if now <= spare and before:
        return max(0.0, fades_in - (spare - now + 1) * window / before) + _AFTER
    return ends_in + max(0.0, window - (spare + 1) * window / now) + _AFTER


def _nothing() -> None:
    """There is nothing to let go of."""


def _redis(url: str) -> RedisStorage:
    """The storage at ``url``, which need not be there yet.

    Raises:
        limits.errors.ConfigurationError: it is no URL of Redis, or the extra is missing.
    """
    from limits.storage import RedisStorage  # noqa: PLC0415 - few installations have one
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    return RedisStorage(
        url,
        key_prefix=_NAMESPACE,
        socket_timeout=STORE_SECONDS,
        socket_connect_timeout=STORE_SECONDS,
        retry=cast("Any", Retry(NoBackoff(), 0)),  # handed on to the client as it is
    )
