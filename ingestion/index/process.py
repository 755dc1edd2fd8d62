"""The index process: the one place of a data directory where the embedded engine runs.

Started by :class:`ingestion.index.client.EdgeHost`, never by hand. It holds the process lock for
life, listens on the socket of the :class:`~ingestion.index.rendezvous.Rendezvous`, serves each
connection in a thread, and leaves by itself when nobody has been connected for a while. On SIGTERM
it finishes what is in flight, flushes, and goes. What never lives here: access decisions (searches
arrive with their conditions compiled and refuse to exist without), and imports that cost time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acl.errors import AclError
from ingestion.errors import IngestionError
from ingestion.index import rpc
from ingestion.index.channel import Channel
from ingestion.index.rendezvous import Rendezvous, locked
from ingestion.index.shards import ShardDirectory

if TYPE_CHECKING:
    from ingestion.index.edge import EdgeEngine

_LOCK_PATIENCE_SECONDS: Final = 60.0  # A predecessor may still be flushing.
_LOCK_GLANCE_SECONDS: Final = 0.25
_DRAIN_SECONDS: Final = 60.0
_BACKLOG: Final = 128
READY: Final = b"ready\n"

_logger = logging.getLogger("clearance.index")


class IndexServer:
    """Threads around a :class:`~ingestion.index.shards.ShardDirectory`."""

    def __init__(self, shards: ShardDirectory, *, key: bytes, idle_seconds: float) -> None:
        self._shards = shards
        self._key = key
        self._idle_seconds = idle_seconds
        self._state = threading.Condition()
        self._connections = 0
        self._in_flight = 0
        self._closing = False
        self._last_seen = time.monotonic()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def serve(self, listener: socket.socket) -> None:
        """Accept until told to stop or idle for long; then drain what is in flight."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
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
        self._drain()

    def stop(self) -> None:
        """Take no further calls and let :meth:`serve` return."""
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
        finally:
            with self._state:
                self._in_flight -= 1
                self._state.notify_all()
        return True

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            method = rpc.Method(message["method"])
            return {"ok": self._dispatch(method, message.get("of"), message.get("with"))}
        except IngestionError as error:
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

    def _dispatch(self, method: rpc.Method, generation: str | None, given: Any) -> Any:
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
        return _ask(self._shards.engine(generation), method, given)


def _ask(engine: EdgeEngine, method: rpc.Method, given: Any) -> Any:  # noqa: PLR0911 - one each
    match method:
        case rpc.Method.SEARCH:
            return rpc.pack_result(engine.search(rpc.unpack_search(given)))
        case rpc.Method.UPSERT:
            return engine.upsert(rpc.unpack_points(given))
        case rpc.Method.DELETE:
            return engine.delete(given)
        case rpc.Method.SET_SOURCES:
            return engine.set_sources({chunk: tuple(names) for chunk, names in given.items()})
        case rpc.Method.COUNT:
            return engine.count()
        case rpc.Method.PAGE:
            return engine.page(given["after"], int(given["limit"]))
        case rpc.Method.HAS:
            return sorted(engine.has(given))
        case rpc.Method.OPTIMISE:
            return engine.optimise()
        case rpc.Method.FLUSH:
            return engine.flush()
    raise ValueError(f"method: {method} is not about a generation")


def main(data_dir: Path, *, idle_seconds: float, ready: int) -> None:
    """Become the index process of ``data_dir``, or leave it to the one there is.

    Args:
        data_dir: the data directory.
        idle_seconds: how long to stay without any connection.
        ready: descriptor on which ``ready`` is said once there is somebody to connect to.
    """
    meeting = Rendezvous.of(data_dir)
    with contextlib.ExitStack() as stack:
        lock = _sole(meeting, stack)
        if lock is None:
            os.write(ready, READY)
            return
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        _live(meeting, idle_seconds=idle_seconds, ready=ready)


def _sole(meeting: Rendezvous, stack: contextlib.ExitStack) -> int | None:
    """Take the process lock for good; None if another process holds it and answers.

    Raises:
        TimeoutError: another process holds it and does not answer.
    """
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            return stack.enter_context(
                locked(meeting.process_lock, patience_seconds=_LOCK_GLANCE_SECONDS)
            )
        except TimeoutError:
            address = meeting.address()
            # A starter that died left a process behind: it serves, and this one is not needed.
            with contextlib.suppress(EOFError, OSError, AuthenticationError):
                if address is not None:
                    Channel.dial(address, meeting.key()).close()
                    return None
            if time.monotonic() >= deadline:
                raise


def _live(meeting: Rendezvous, *, idle_seconds: float, ready: int) -> None:
    key, address = meeting.key(), meeting.socket_path()
    shards = ShardDirectory(meeting.shards)
    Path(address).unlink(
        missing_ok=True
    )  # Left by a predecessor that was killed; we hold the lock.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(_BACKLOG)
        meeting.announce(address)
        os.write(ready, READY)
        os.close(ready)
        _logger.info("serving, pid %d", os.getpid())
        try:
            IndexServer(shards, key=key, idle_seconds=idle_seconds).serve(listener)
        finally:
            Path(address).unlink(missing_ok=True)
            shards.close()
            _logger.info("left, pid %d", os.getpid())


def _detach() -> None:
    """Become nobody's child, so that no starter has to wait for us, and keep no mount busy."""
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)


if __name__ == "__main__":
    _detach()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    main(Path(sys.argv[1]), idle_seconds=float(sys.argv[2]), ready=int(sys.argv[3]))
