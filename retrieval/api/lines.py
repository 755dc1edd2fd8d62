"""Lines of a body while it is still coming in: gathered, bounded, and each told by its number.

A reader and a worker share one :class:`Lines`. The reader waits while too much is held, so memory
is bounded whatever is sent; the worker takes what has gathered, so that many small lines are worked
on together. A line that is too long is passed over to its end and never held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELD_BYTES: Final = 8 * 1024 * 1024
TAKEN_AT_ONCE: Final = 64


class TooManyLinesError(Exception):
    """A body has more lines than it may; those before are good."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, by its number from 1; ``text`` is None if it was too long."""

    number: int
    text: bytes | None


class Lines:
    """Lines on their way from a reader to a worker.

    Args:
        max_line_bytes: longer ones are passed over.
        max_lines: after so many, :class:`TooManyLinesError`.
    """

    def __init__(self, *, max_line_bytes: int, max_lines: int) -> None:
        self._max = max_line_bytes
        self._max_lines = max_lines
        self._ready: deque[Line] = deque()
        self._held = 0
        self._changed = anyio.Condition()
        self._ended = False
        self._number = 0
        self._parts: list[bytes] = []
        self._length = 0

    async def read(self, chunks: AsyncIterator[bytes]) -> None:
        """Cut ``chunks`` into lines until they end. Blank lines count and are passed over.

        Raises:
            TooManyLinesError: there are more than there may be.
        """
        try:
            async for chunk in chunks:
                *complete, rest = chunk.split(b"\n")
                for piece in complete:
                    self._extend(piece)
                    await self._finish()
                self._extend(rest)
            if self._length:
                await self._finish()  # a last line need not be ended
        finally:
            with anyio.CancelScope(shield=True):
                async with self._changed:
                    self._ended = True
                    self._changed.notify_all()

    def _extend(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > self._max:
            self._parts.clear()
        elif piece:
            self._parts.append(piece)

    async def _finish(self) -> None:
        if self._number == self._max_lines:
            raise TooManyLinesError
        self._number += 1
        text = b"".join(self._parts) if self._length <= self._max else None
        self._parts, self._length = [], 0
        if text is not None and not text.strip():
            return
        async with self._changed:
            while self._held >= HELD_BYTES or len(self._ready) >= TAKEN_AT_ONCE:
                await self._changed.wait()
            self._ready.append(Line(self._number, text))
            self._held += len(text or b"")
            self._changed.notify_all()

    async def take(self) -> list[Line]:
        """What has gathered, in order; waits for something. Empty once all is taken."""
        async with self._changed:
            while not self._ready and not self._ended:
                await self._changed.wait()
            taken = list(self._ready)
            self._ready.clear()
            self._held = 0
            self._changed.notify_all()
        return taken
