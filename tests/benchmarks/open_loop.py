"""Asking at a rate, whatever comes back: connections, users, and what they were told.

What never lives here: what is asked, or what the figures mean.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

OK: Final = 200


@dataclass
class Told:
    """What came back to one tenant.

    Attributes:
        statuses: replies by HTTP status; 0 for a connection that broke.
        unsent: requests that found every connection busy.
        seconds: latencies of what was answered with 200.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    unsent: int = 0
    seconds: list[float] = field(default_factory=list)

    def note(self, status: int, seconds: float) -> None:
        """Count one reply."""
        self.statuses[status] += 1
        if status == OK:
            self.seconds.append(seconds)

    def milliseconds(self, share: float) -> float | None:
        """A percentile of the latencies."""
        if not self.seconds:
            return None
        ordered = sorted(self.seconds)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000, 1)


class Wire(asyncio.Protocol):
    """One kept connection: sends prepared bytes, reads a status and as much body as is said."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._reply: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    @property
    def broken(self) -> bool:
        """Whether it is of no use any more."""
        return self._transport is None or self._transport.is_closing()

    async def ask(self, request: bytes) -> int:
        """The status of the reply, 0 if there is none."""
        if self._transport is None or self.broken:
            return 0
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._reply

    def data_received(self, data: bytes) -> None:
        """Tell the status once the body is there."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._reply is None:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._buffer.clear()
            self._reply.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns that nothing comes."""
        del exc
        self._transport = None
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(0)


class Crowd:
    """The users of one tenant, on a bounded number of connections.

    ``requests`` has no end, and no question in it comes twice: what the service remembers of one
    would make it look faster than it is.
    """

    def __init__(self, port: int, requests: Iterator[bytes], connections: int) -> None:
        self._port = port
        self._requests = requests
        self._idle: list[Wire] = []  # the last used first: the service hangs up on idle ones
        self._count = connections
        self._tasks: set[asyncio.Task[None]] = set()
        self.told = Told()

    async def connect(self) -> None:
        """Open every connection."""
        for _ in range(self._count):
            self._idle.append(await self._dial())

    async def ask_at(self, rate: float, seconds: float) -> None:
        """Ask at a rate, whatever comes back, for so many seconds."""
        loop = asyncio.get_running_loop()
        rng = random.Random(7)  # noqa: S311 - arrivals, no secret
        end = loop.time() + seconds
        at = loop.time() + rng.expovariate(rate)
        while at < end:
            await asyncio.sleep(max(0.0, at - loop.time()))
            while at <= loop.time():
                self._send()
                at += rng.expovariate(rate)
        await asyncio.gather(*self._tasks)

    async def ask_steadily(self, at_once: int, seconds: float) -> None:
        """Ask again as soon as an answer is there, ``at_once`` at a time: the most it can do."""
        end = asyncio.get_running_loop().time() + seconds

        async def one() -> None:
            while asyncio.get_running_loop().time() < end:
                await self._ask(self._idle.pop(), next(self._requests))

        await asyncio.gather(*(one() for _ in range(at_once)))

    def _send(self) -> None:
        if not self._idle:
            self.told.unsent += 1
            return
        task = asyncio.create_task(self._ask(self._idle.pop(), next(self._requests)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, wire: Wire, request: bytes) -> None:
        started = time.perf_counter()
        status = await wire.ask(request)
        if not status:  # the service hung up on an idle connection, as it may
            wire = await self._dial()
            status = await wire.ask(request)
        self.told.note(status, time.perf_counter() - started)
        self._idle.append(await self._dial() if wire.broken else wire)

    async def _dial(self) -> Wire:
        _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", self._port)
        return wire
