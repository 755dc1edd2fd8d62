"""Dependencies that can be broken and mended again while a service runs over them.

Everything goes through to the real thing beneath; a fault only comes before it.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Fault(StrEnum):
    """What is wrong with a dependency."""

    NONE = "none"
    DOWN = "down"
    HUNG = "hung"
    SLOW = "slow"


class Switch:
    """Whether a dependency works.

    Args:
        down: makes the error it raises when it is down.
        slow_seconds: how long it then takes.
    """

    def __init__(self, down: Callable[[], Exception], *, slow_seconds: float = 0.05) -> None:
        self._down = down
        self._slow_seconds = slow_seconds
        self._released = threading.Event()
        self.fault = Fault.NONE

    def before(self) -> None:
        """What happens to a call before it goes through."""
        match self.fault:
            case Fault.DOWN:
                raise self._down()
            case Fault.HUNG:
                self._released.wait(60)
            case Fault.SLOW:
                time.sleep(self._slow_seconds)

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Broken in one way within; afterwards it works, and what hung goes on."""
        self._released.clear()
        self.fault = fault
        try:
            yield
        finally:
            self.fault = Fault.NONE
            self._released.set()


class Faulty:
    """An object some of whose methods a switch comes before; the rest of it is its own."""

    def __init__(self, real: Any, switch: Switch, *methods: str) -> None:
        self._real = real
        self._switch = switch
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._methods:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._switch.before()
            return found(*args, **kwargs)

        return call


class FaultyHost(Faulty):
    """An index host whose searches a switch comes before."""

    def __init__(self, real: Any, switch: Switch) -> None:
        super().__init__(real, switch, "generations", "info")

    def open(self, generation: str, *, dimensions: int) -> Any:
        """Open a generation, whose searches may fail."""
        self._switch.before()
        return Faulty(self._real.open(generation, dimensions=dimensions), self._switch, "search")
