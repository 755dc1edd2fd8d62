"""Calling one dependency: never longer than the request may wait, and not while it is known away.

A circuit breaker counts failures in a row. When there were enough it opens: calls are refused at
once for a while, so that nobody waits for what will not come and the dependency is not hammered
while it recovers. Then one call is let through to see; its outcome decides for all.

A call that hangs cannot be ended from outside. It is left to itself in its thread and counted as
failed; there is room for so many, and where it is used up, further ones are refused.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextvars import copy_context
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from retrieval import metrics
from retrieval.resilience import deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from circuitbreaker import CircuitBreaker

Result = TypeVar("Result")

FAILURES: Final = 5
"""So many in a row open the circuit: one may be chance, and each costs a request its wait."""

PAUSE_SECONDS: Final = 2.0
"""How long it stays open before one call may try: recovery is noticed within about this."""

AT_ONCE: Final = 64
"""Calls that may be under way at once, hung ones included: twice as many as requests can be."""


class BreakerState(StrEnum):
    """How a circuit stands."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Guard:
    """Calls one dependency.

    Args:
        name: of the dependency, for metrics and messages.
        away: makes the error of a dependency that does not answer, from words for the operator.
        counts: which errors say that the dependency is away; others are its answers.
        late: makes the error of a call that took too long; None for ``away``.
        share: of the time a request has left, how much one call may take; above 0, at most 1.
        failures: in a row, after which the circuit opens.
        pause_seconds: how long it then stays open.
        again: after which errors the same call is made once more, at once. Its work must be such
            that doing it twice does no harm.

    Thread-safe.
    """

    def __init__(
        self,
        name: str,
        *,
        away: Callable[[str], Exception],
        counts: Callable[[BaseException], bool],
        late: Callable[[str], Exception] | None = None,
        share: float = 1.0,
        failures: int = FAILURES,
        pause_seconds: float = PAUSE_SECONDS,
        again: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self.name = name
        self._away = away
        self._late = late or away
        self._share = share
        self._counts = counts
        self._failures = failures
        self._pause = pause_seconds
        self._again = again
        self._circuit: CircuitBreaker | None = None
        self._changing = threading.Lock()
        self._probing = threading.Lock()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._told = BreakerState.CLOSED

    @property
    def state(self) -> BreakerState:
        """How the circuit stands now."""
        with self._changing:
            return BreakerState(self._breaker().state)

    def call(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns. Outside of a request that has a deadline, it is just called.

        Raises:
            Exception: what ``away`` made, if the circuit is open; what ``late`` made, if ``work``
                took too long; else what ``work`` raised.
        """
        if self._again is not None:
            work = partial(_persisting, work, self._again)
        limit = deadline.current()
        if limit is None:
            return work()
        seconds = limit.remaining() * self._share
        state = self.state
        if state is BreakerState.OPEN:
            raise self._away(f"{self.name}: it failed again and again, so it is not asked just now")
        if state is BreakerState.CLOSED:
            return self._counted(work, seconds)
        if not self._probing.acquire(blocking=False):
            raise self._away(f"{self.name}: it is being seen whether it answers again")
        try:
            return self._counted(work, seconds)
        finally:
            self._probing.release()

    def _breaker(self) -> CircuitBreaker:
        """The circuit, made when it is first needed; call it with the lock held."""
        if self._circuit is None:
            from circuitbreaker import CircuitBreaker  # noqa: PLC0415 - no command needs it

            self._circuit = CircuitBreaker(
                failure_threshold=self._failures,
                recovery_timeout=self._pause,
                expected_exception=lambda _, error: isinstance(error, _Hung) or self._counts(error),
                name=self.name,
            )
        return self._circuit

    def _counted(self, work: Callable[[], Result], seconds: float) -> Result:
        try:
            result = self._in_time(work, seconds)
        except BaseException as error:
            self._note(error)
            if isinstance(error, _Hung):
                raise self._late(f"{self.name}: {error}") from None
            raise
        self._note(None)
        return result

    def _note(self, error: BaseException | None) -> None:
        """Book an outcome; the first to see that the circuit changed tells the metrics."""
        with self._changing:
            breaker = self._breaker()
            breaker.__exit__(type(error) if error else None, error, None)
            state = BreakerState(breaker.state)
            changed, self._told = state is not self._told, state
        if changed:
            metrics.current().breaker_changed(name=self.name, state=state)

    def _in_time(self, work: Callable[[], Result], seconds: float) -> Result:
        """What ``work`` returns, if it does in so many seconds."""
        if not self._room.acquire(blocking=False):
            raise _Hung("too many calls are under way and do not come back")
        running: Future[Result] = Future()
        # A thread for each call, and one that the process does not wait for when it ends: a pool's
        # would be, and a call that hangs must not keep a service from stopping.
        threading.Thread(
            target=copy_context().run,
            args=(self._carry_out, work, running),
            name=self.name,
            daemon=True,
        ).start()
        try:
            return running.result(timeout=seconds)
        except TimeoutError as error:
            if running.done():
                raise  # its own, or it ended this very moment: what it says is what there is
            raise _Hung(f"no answer within {seconds:.2g} s") from error

    def _carry_out(self, work: Callable[[], Result], running: Future[Result]) -> None:
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            running.set_exception(error)
        else:
            running.set_result(outcome)
        finally:
            self._room.release()


def _persisting(work: Callable[[], Result], again: Callable[[BaseException], bool]) -> Result:
    try:
        return work()
    except Exception as error:
        if not again(error):
            raise
    return work()


class _Hung(Exception):  # noqa: N818 - it never leaves this module
    """A call has not come back."""
