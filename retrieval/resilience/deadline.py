"""How long the request at hand may still take, wherever in its stages it is.

Set once, where a request comes in, and read by what may wait. A command at a terminal has none: who
waits there can stop it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class DeadlineExceededError(TimeoutError):
    """The request took longer than it may; nothing of what was found so far is served."""

    code = "deadline_exceeded"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment that lies so far ahead."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds until then; never below zero."""
        return max(0.0, self.at - time.monotonic())


_current: ContextVar[Deadline | None] = ContextVar("clearance_deadline", default=None)


def current() -> Deadline | None:
    """The deadline of the request being served; None where there is none."""
    return _current.get()


@contextmanager
def bound(deadline: Deadline) -> Iterator[None]:
    """Make it the current one; what is started within inherits it."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def time_left() -> bool:
    """Whether the request at hand may go on; one without a deadline always may."""
    deadline = current()
    return deadline is None or deadline.remaining() > 0


def require_time() -> None:
    """Go on only while there is time left.

    Raises:
        DeadlineExceededError: there is none.
    """
    if not time_left():
        raise DeadlineExceededError("time ran out before the answer was ready")
