"""The waiting room: who is worked on, who waits, and who is next. Without time or threads.

The rule, in order:

1. At most ``slots`` requests are worked on at once, and none is idle while anybody waits.
2. A free slot goes to the waiting tenant that had fewest turns. Who comes to wait anew starts level
   with whoever was served last, so that nobody saves up turns, and nobody is made to wait for more
   than one turn of each other tenant. Among equals, it goes to who was served, or came to wait,
   longest ago. So equally busy tenants alternate, however much each of them asks.
3. Within a tenant, first come is first served.
4. A tenant's queue is bounded, and so are all together; but a tenant of which nobody waits is
   always let in to wait, or a crowd of others could shut it out.

This is start-time fair queueing (Goyal, Vin and Cheng, 1996), each request weighing the same. What
must never live here: who a tenant is, or what is asked.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class State(Enum):
    """Where a request stands."""

    WAITING = auto()
    INSIDE = auto()
    GONE = auto()


@dataclass(eq=False, slots=True)
class Place:
    """One request's place in the room.

    Attributes:
        tenant: whose request.
        wake: called once, outside the room's lock and from whichever thread made way, when a
            request that had to wait is let in. Must not raise.
        state: changed by the room alone.
    """

    tenant: str
    wake: Callable[[], None]
    state: State = field(default=State.WAITING)


class Room:
    """Hands out slots fairly. Thread-safe.

    Args:
        slots: how many requests may be worked on at once.
        per_tenant: how many requests of one tenant may wait.
        together: how many may wait in all, if their tenant has somebody waiting already.
    """

    def __init__(self, *, slots: int, per_tenant: int, together: int) -> None:
        self.slots = slots
        self._per_tenant = per_tenant
        self._together = together
        self._lock = threading.Lock()
        self._used = 0
        self._waiting = 0
        self._queues: dict[str, deque[Place]] = {}  # who came, or was served, longest ago first
        self._turns: dict[str, int] = {}  # of tenants that wait, or are ahead of the others
        self._level = 0  # the turns that whoever was served last had had before

    def arrive(self, tenant: str, wake: Callable[[], None]) -> Place | None:
        """A place: inside if a slot is free, else waiting; None if it may not even wait."""
        place = Place(tenant, wake)
        with self._lock:
            # A free slot means that nobody waits: slots are handed on, never left lying.
            if self._used < self.slots:
                self._let_in(place)
                return place
            if self._full(tenant):
                return None
            if tenant not in self._queues:
                self._queues[tenant] = deque()
                self._turns[tenant] = max(self._turns.get(tenant, 0), self._level)
            self._queues[tenant].append(place)
            self._waiting += 1
        return place

    def leave(self, place: Place) -> None:
        """Give up a place, from inside or while waiting; a second time, nothing happens."""
        with self._lock:
            was, place.state = place.state, State.GONE
            if was is State.WAITING:
                self._forget(place)
            if was is not State.INSIDE:
                return
            self._used -= 1
            following = self._next()
        if following is not None:
            following.wake()

    def full(self, tenant: str) -> bool:
        """Whether a request of the tenant would be turned away now."""
        with self._lock:
            return self._used >= self.slots and self._full(tenant)

    def waiting(self, tenant: str | None = None) -> int:
        """How many wait: of a tenant, or in all."""
        with self._lock:
            return self._waiting if tenant is None else len(self._queues.get(tenant, ()))

    def working(self) -> int:
        """How many are worked on."""
        with self._lock:
            return self._used

    def tenants_waiting(self) -> int:
        """Of how many tenants somebody waits."""
        with self._lock:
            return len(self._queues)

    def _full(self, tenant: str) -> bool:
        queue = self._queues.get(tenant)
        return queue is not None and (
            len(queue) >= self._per_tenant or self._waiting >= self._together
        )

    def _let_in(self, place: Place) -> None:
        place.state = State.INSIDE
        self._used += 1

    def _next(self) -> Place | None:
        """Let in whoever is next, if anybody waits."""
        if not self._queues:
            return None
        # ``min`` keeps to the first of equals: who came to wait, or was served, longest ago.
        tenant = min(self._queues, key=lambda one: self._turns[one])
        queue = self._queues[tenant] = self._queues.pop(tenant)  # to the end
        place = queue.popleft()
        self._waiting -= 1
        self._level = self._turns[tenant]
        self._turns[tenant] += 1
        self._close(tenant)
        self._let_in(place)
        return place

    def _forget(self, place: Place) -> None:
        self._queues[place.tenant].remove(place)
        self._waiting -= 1
        self._close(place.tenant)

    def _close(self, tenant: str) -> None:
        """Drop what need not be known of tenants of which nobody waits."""
        if not self._queues[tenant]:
            del self._queues[tenant]
        behind = [one for one, turns in self._turns.items() if turns <= self._level]
        for one in behind:
            if one not in self._queues:
                del self._turns[one]
