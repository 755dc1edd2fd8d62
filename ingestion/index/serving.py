"""Serving an index: threads around shards, and giving the post to a successor.

A connection has a thread to itself. What never lives here: how the process came to be (``process``,
``successor``), what a call about a generation does (``calls``), how a successor is made
(``succession``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acl.errors import AclError
from ingestion.errors import IndexUnavailableError, IngestionError
from ingestion.index import rpc
from ingestion.index.calls import WRITES, ask
from ingestion.index.channel import Channel
from ingestion.index.holding import LeavingError
from ingestion.index.succession import Succession, SuccessionError

if TYPE_CHECKING:
    import socket

    from ingestion.index.rendezvous import Rendezvous
    from ingestion.index.shards import ShardDirectory

OPTIMISED_IN_PLACE: Final = 1_000
"""Points of which nobody notices that the engine optimises them, if it does so at all."""

_DRAIN_SECONDS: Final = 60.0

_logger = logging.getLogger("clearance.index")


@dataclass(frozen=True, slots=True)
class Post:
    """What makes a process the index process of a data directory.

    Attributes:
        data_dir: whose.
        meeting: where its clients find it.
        lock: descriptor of the process lock, which is held.
        listener: what its clients dial.
    """

    data_dir: Path
    meeting: Rendezvous
    lock: int
    listener: socket.socket

    def sign(self) -> None:
        """Write into the lock file whose it is."""
        os.truncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n".encode(), 0)

    def leave(self) -> None:
        """Nobody is to dial any more."""
        if address := self.meeting.address():
            Path(address).unlink(missing_ok=True)


class IndexServer:
    """Threads around a :class:`~ingestion.index.shards.ShardDirectory`."""

    def __init__(
        self, shards: ShardDirectory, post: Post, *, key: bytes, idle_seconds: float
    ) -> None:
        self._shards = shards
        self._post = post
        self._key = key
        self._idle_seconds = idle_seconds
        self._state = threading.Condition()
        self._connections = 0
        self._in_flight = 0
        self._closing = False
        self._deaf = threading.Event()  # Set once nothing is accepted any more.
        self._told = False
        self._succeeded = False
        self._optimising = threading.Lock()
        self._succession: Succession | None = None
        self._last_seen = time.monotonic()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def serve(self) -> None:
        """Accept until told to stop, idle for long, or succeeded; then drain what is in flight."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _logger.info("serving, pid %d", os.getpid())
        try:
            self._accept()
            self._deaf.set()
            self._drain()
        finally:
            if not self._succeeded:
                self._post.leave()
            self._shards.close()
            _logger.info("left, pid %d", os.getpid())

    def stop(self) -> None:
        """Take no further calls and let :meth:`serve` return; nobody is to succeed."""
        self._told = True
        if self._succession is not None:
            self._succession.cancel()
        self._close()

    def _accept(self) -> None:
        listener = self._post.listener
        while not self._closing:
            readable, _, _ = select.select(
                [listener.fileno(), self._wake_read], [], [], self._patience()
            )
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            if listener.fileno() in readable:
                plain, _ = listener.accept()
                with self._state:
                    self._connections += 1
                threading.Thread(target=self._attend, args=(plain,), daemon=True).start()
            elif self._patience() == 0:
                self.stop()

    def _close(self) -> None:
        self._closing = True
        self._wake()

    def _patience(self) -> float | None:
        """Seconds until this process is idle for too long; None while anybody is connected."""
        with self._state:
            if self._connections:
                return None
            return max(0.0, self._last_seen + self._idle_seconds - time.monotonic())

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # A full pipe wakes just as well.
            os.write(self._wake_write, b".")

    def _drain(self) -> None:
        with self._state:
            self._state.wait_for(lambda: not self._in_flight, timeout=_DRAIN_SECONDS)

    def _attend(self, plain: socket.socket) -> None:
        try:
            channel = Channel.accepted(plain, self._key)
            with contextlib.closing(channel):
                while self._answer_one(channel):
                    pass
        except (EOFError, OSError):
            pass  # The client hung up, as they do.
        except ValueError:
            _logger.warning("a client that does not speak the language was hung up on")
        except AuthenticationError:
            _logger.warning("a client without the key was turned away")
        finally:
            with self._state:
                self._connections -= 1
                self._last_seen = time.monotonic()
            self._wake()

    def _answer_one(self, channel: Channel) -> bool:
        """Receive a call, answer it; False once the process is on its way out."""
        message = channel.receive()
        with self._state:
            # Decided and counted under one lock: a call is either drained or refused.
            if self._closing:
                return False
            self._in_flight += 1
        try:
            channel.send(self._answer(message))
        except LeavingError:
            return False  # Not a word: the client dials again, and gets the successor.
        finally:
            with self._state:
                self._in_flight -= 1
                self._state.notify_all()
        return True

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            method = rpc.Method(message["method"])
            return {"ok": self._dispatch(method, message.get("of"), message.get("with"))}
        except LeavingError:
            raise
        except IngestionError as error:
            if self._deaf.is_set():  # Its shard may have been closed under it.
                raise LeavingError from error
            return {"error": {"code": error.code, "message": error.message}}
        except (AclError, KeyError, TypeError, ValueError) as error:
            return {"error": {"code": "index_request", "message": f"index: bad call: {error}"}}
        except Exception:
            _logger.exception("a call failed")
            return {
                "error": {
                    "code": "index_unavailable",
                    "message": "index: the call failed; its cause is in index/process.log",
                }
            }

    def _dispatch(  # noqa: PLR0911 - one each
        self, method: rpc.Method, generation: str | None, given: Any
    ) -> Any:
        match method:
            case rpc.Method.GENERATIONS:
                return self._shards.generations()
            case rpc.Method.INFO:
                return self._shards.info()
            case rpc.Method.SHUTDOWN:
                return self.stop()
        if generation is None:
            raise ValueError("of: name a generation")
        match method:
            case rpc.Method.CREATE:
                self._shards.create(generation, dimensions=int(given))
                return None
            case rpc.Method.DROP:
                return self._shards.drop(generation)
            case rpc.Method.OPTIMISE:
                return self._optimise(generation)
        holding = self._shards.holding(generation)
        if method in WRITES:
            return holding.write(method, given)
        return ask(holding.engine, method, given)

    def _optimise(self, generation: str) -> None:
        """Optimise in place where that is nothing, else by a successor; one at a time.

        Raises:
            IndexUnavailableError: it failed; the index goes on as it was.
            LeavingError: this process goes.
        """
        with self._optimising:
            if self._closing:
                raise LeavingError
            engine = self._shards.holding(generation).engine
            if engine.count() <= OPTIMISED_IN_PLACE:
                return engine.optimise()
            succession = Succession(
                self._post.data_dir, self._shards, generation, idle_seconds=self._idle_seconds
            )
            self._succession = succession
            try:
                with succession:
                    if succession.prepare():
                        self._give_way(succession)
            except SuccessionError as error:
                _logger.warning("optimising failed: %s", error)
                if self._closing:
                    raise LeavingError from error
                raise IndexUnavailableError(
                    f"index: optimising failed, and the index goes on as it was: {error}; "
                    "see index/process.log in the data directory, and run it again"
                ) from error
            finally:
                self._succession = None

    def _give_way(self, succession: Succession) -> None:
        try:
            succession.commit()
        except OSError:
            # Some copies may count already, and some not: all are whole, so start over from them.
            self._close()
            raise
        # The order matters. Accepting ends before the successor begins, so that no client can be
        # accepted by the one that leaves after having been turned away by it.
        self._close()
        self._deaf.wait()
        if self._told:  # To stop altogether, when it was too late to stop the succession.
            raise LeavingError
        self._shards.yield_rest()
        succession.hand_over(lock=self._post.lock, listener=self._post.listener)
        self._succeeded = True
