"""Optimising without a pause: a successor is made ready beside the process that serves.

The engine lets nobody else run while it optimises, so it does that to a copy, in another process:

1. **Copy.** Writes wait while the shard's files are copied; from then on each is also written to a
   journal. Searches go on throughout.
2. **Optimise** the copy, in a process that yields the processors to everybody else.
3. **Succeed.** A further process opens the copy (and copies of whatever else is open, so that no
   generation is closed for a moment) and replays the journals until little is missing.
4. **Commit.** Writes wait once more; the rest is replayed and flushed; ``generation.json`` names
   the copy. This is the point of no return: before it, whatever dies leaves the old shard in
   charge; after it, the old process acknowledges no write, and whoever opens the generation finds
   the copy, which holds every write ever acknowledged.
5. **Hand over** the listening socket and the process lock. Clients that were connected dial again.

What never lives here: sockets of clients, and what a call means.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import IndexUnavailableError
from ingestion.index.channel import Channel
from ingestion.index.copying import copied, occupied
from ingestion.index.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from ingestion.index.holding import Holding
    from ingestion.index.shards import ShardDirectory

NOTHING_TO_DO: Final = 3
"""The optimiser's exit code where the engine found the shard in order."""

_MARGIN_BYTES: Final = 2**26
_SHORT_BYTES: Final = 2**20  # About 500 points: a few hundred milliseconds at most.
_ROUNDS: Final = 20  # Of a writer so fast that it is never caught up with, which then waits longer.
_PAUSE_SECONDS: Final = 60.0  # The longest that writes may wait for the last round.
_HAND_OVER_SECONDS: Final = 30.0

_logger = logging.getLogger("clearance.index")


class SuccessionError(Exception):
    """There is no successor; everything is as it was."""


@dataclass(frozen=True, slots=True)
class _Heirloom:
    """A generation on its way to the successor."""

    generation: str
    holding: Holding
    shard: Path
    journal: Journal


class Succession:
    """One attempt at it; a context that leaves nothing behind unless it was committed.

    Args:
        data_dir: whose index process this is.
        shards: what it holds.
        generation: which one to optimise.
        idle_seconds: how long the successor stays without any connection.
    """

    def __init__(
        self, data_dir: Path, shards: ShardDirectory, generation: str, *, idle_seconds: float
    ) -> None:
        self._data_dir = data_dir
        self._shards = shards
        self._generation = generation
        self._idle_seconds = idle_seconds
        self._heirlooms: list[_Heirloom] = []
        self._committed: list[str] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._cancelled = False
        self._handed_over = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A successor that does not serve by now has heard no goodbye, and goes.
        self._stack.close()
        for heirloom in self._heirlooms:
            with heirloom.holding.writing:
                heirloom.holding.journal = None
                heirloom.journal.close()
            heirloom.journal.path.unlink(missing_ok=True)
            if heirloom.generation not in self._committed:
                shutil.rmtree(heirloom.shard, ignore_errors=True)

    def cancel(self) -> None:
        """Let :meth:`prepare` fail soon; safe at any time, from any thread or signal handler."""
        self._cancelled = True
        if self._child is not None:
            self._child.kill()

    def prepare(self) -> bool:
        """Make a successor that lags behind by little; False if there was nothing to optimise.

        Raises:
            SuccessionError: it could not be made.
            IndexUnavailableError: there is not enough room on the disk.
        """
        held = self._shards.held()
        self._check_room(held)
        first = self._copy(self._generation, held.pop(self._generation))
        if not self._optimised(first):
            return False
        for generation, holding in held.items():
            self._copy(generation, holding)
        self._start_successor()
        for _ in range(_ROUNDS):
            sent = self._replay(self._heirlooms)
            if sum(heirloom.journal.length for heirloom in self._heirlooms) - sent < _SHORT_BYTES:
                break
        # Most of what there is to flush, so that little is left for when writes wait.
        self._ask({"flush": [heirloom.generation for heirloom in self._heirlooms]})
        return True

    def commit(self) -> None:
        """Let the copies count. Afterwards this process acknowledges no write to them.

        Raises:
            SuccessionError: the successor failed; the old shards count.
        """
        held = self._shards.held()
        wanted = [one for one in self._heirlooms if held.get(one.generation) is one.holding]
        with ExitStack() as standing:
            for heirloom in wanted:
                standing.enter_context(heirloom.holding.writing)
            if any(heirloom.holding.torn for heirloom in wanted):
                raise SuccessionError("the journal could not be written; the disk may be full")
            self._replay(wanted, patience=_PAUSE_SECONDS)
            names = [heirloom.generation for heirloom in wanted]
            self._ask({"flush": names}, patience=_PAUSE_SECONDS)
            self._committed = names  # From here on a copy may be what counts: keep it.
            self._committed = self._shards.supersede(
                {one.generation: (one.holding, one.shard) for one in wanted}
            )

    def hand_over(self, *, lock: int, listener: socket.socket) -> None:
        """Let the successor serve; nobody may be accepting from the listener any more.

        Raises:
            SuccessionError: it is gone; the next client starts another.
        """
        channel, child = self._successor()
        with _failures("take over"):
            channel.send({"serve": self._committed})
            for descriptor in (lock, listener.fileno()):
                send_handle(channel.connection, descriptor, child.pid)
            channel.await_frame(_HAND_OVER_SECONDS)
            channel.receive()
        self._handed_over = True
        _logger.info("succeeded by pid %d", child.pid)

    def _check_room(self, held: dict[str, Holding]) -> None:
        sizes = {name: occupied(holding.shard) for name, holding in held.items()}
        # The optimiser writes new segments before it lets go of the old ones.
        needed = sum(sizes.values()) + sizes[self._generation] + _MARGIN_BYTES
        free = shutil.disk_usage(held[self._generation].shard).free
        if free < needed:
            raise IndexUnavailableError(
                f"index: optimising needs {needed / 1e6:.0f} MB of disk for a while and "
                f"{free / 1e6:.0f} MB are free; make room and run it again (answers are right "
                "without it, broad searches slower)"
            )

    def _copy(self, generation: str, holding: Holding) -> _Heirloom:
        suffix = secrets.token_hex(8)
        parent = holding.shard.parent
        with holding.writing:
            # No flush, which would stop the searches too: what stands in the files now is what
            # would stand there after a kill, and the engine's log makes it whole.
            shard = parent / f"shard-{suffix}"
            try:
                copied(holding.shard, shard)
                journal = Journal(parent / f"journal-{suffix}")
            except OSError as error:
                shutil.rmtree(shard, ignore_errors=True)
                raise SuccessionError(f"the shard could not be copied: {error}") from error
            holding.torn, holding.journal = False, journal
        heirloom = _Heirloom(generation, holding, shard, journal)
        self._heirlooms.append(heirloom)
        return heirloom

    def _optimised(self, heirloom: _Heirloom) -> bool:
        with self._spawned("ingestion.index.optimiser", str(heirloom.shard)) as child:
            status = child.wait()
        if status not in {0, NOTHING_TO_DO}:
            raise SuccessionError(f"the optimiser ended with {status}")
        return status == 0

    def _start_successor(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._channel = Channel(Connection(ours.detach()))
            self._stack.callback(self._channel.close)
            self._stack.enter_context(
                self._spawned(
                    "ingestion.index.successor",
                    str(self._data_dir),
                    str(self._idle_seconds),
                    str(theirs.fileno()),
                    inherited=(theirs.fileno(),),
                )
            )
        self._ask({"open": {one.generation: str(one.shard) for one in self._heirlooms}})

    @contextmanager
    def _spawned(
        self, module: str, *arguments: str, inherited: Sequence[int] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run one of our modules with a lifeline; cut on leaving."""
        lifeline, held = os.pipe()
        try:
            try:
                child = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                    [sys.executable, "-P", "-m", module, *arguments, str(lifeline)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(lifeline, *inherited),
                    start_new_session=True,
                )
            except OSError as error:
                raise SuccessionError(f"{module} could not be started: {error}") from error
            finally:
                os.close(lifeline)
        except BaseException:
            os.close(held)
            raise
        self._child = child
        if self._cancelled:  # Too early for the signal handler to have seen the child.
            child.kill()
        try:
            yield child
        finally:
            self._child = None
            os.close(held)
            if not self._handed_over:
                child.kill()
                child.wait()

    def _replay(self, heirlooms: Sequence[_Heirloom], *, patience: float | None = None) -> int:
        """Let the successor replay what the journals hold now; says how much that is."""
        spans = {one.generation: one.journal.length for one in heirlooms}
        paths = {one.generation: str(one.journal.path) for one in heirlooms}
        self._ask({"replay": spans, "from": paths}, patience=patience)
        return sum(spans.values())

    def _ask(self, message: dict[str, Any], *, patience: float | None = None) -> None:
        channel, _ = self._successor()
        with _failures(f"obey {next(iter(message))!r}"):
            channel.send(message)
            channel.await_frame(patience)
            channel.receive()

    def _successor(self) -> tuple[Channel, subprocess.Popen[bytes]]:
        if self._channel is None or self._child is None:
            raise SuccessionError("there is no successor")
        return self._channel, self._child


@contextmanager
def _failures(doing: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, ValueError) as error:
        raise SuccessionError(f"the successor did not {doing}: {error!r}") from error
