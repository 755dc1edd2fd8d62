"""The embedded index as every command sees it: a process of its own, shared, started when needed.

Calls are idempotent, so a call that met the death of the process is made once more against its
successor. What never lives here: the engine; importing it would cost each command its start-up
time, and opening a shard would lock everybody else out.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import AuthenticationError
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import IndexUnavailableError
from ingestion.index import rpc
from ingestion.index.channel import Channel
from ingestion.index.facets import portions
from ingestion.index.gate import GatedIndex
from ingestion.index.launch import launch, remedy
from ingestion.index.rendezvous import Rendezvous, locked
from ingestion.index.rpc import Method

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ingestion.index.facets import Facets
    from ingestion.index.gate import ClearedSearch
    from ingestion.index.port import Point, SearchResult

_POINTS_PER_CALL: Final = 256  # Keeps a frame small and lets searches in between.
_IDS_PER_CALL: Final = 4096
_PLACES_PER_CALL: Final = 16_384
_START_SECONDS: Final = 120.0  # A long log may have to be replayed.
_CALL_SECONDS: Final = 120.0  # Opening a long log makes calls wait, and must fail none.
_ATTEMPTS: Final = 3  # A process may be succeeded, and its successor die.
_UNHURRIED: Final = frozenset({Method.OPTIMISE, Method.FLUSH, Method.CREATE, Method.DROP})


class EdgeHost:
    """An :class:`~ingestion.index.port.IndexHost` over the index process of a data directory.

    Args:
        data_dir: the data directory; all commands that name it share one process.
        idle_seconds: how long the process, if this host starts it, outlives its last connection.

    Safe across threads (each call has a connection to itself) and across forks.
    """

    def __init__(self, data_dir: Path, *, idle_seconds: float = 300) -> None:
        self._data_dir = data_dir
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: list[Channel] = []
        self._owner = os.getpid()
        self._closed = False

    def open(self, generation: str, *, dimensions: int) -> GatedIndex:
        """Open a generation, creating it when absent; starts the process if there is none."""
        self.call(Method.CREATE, generation, dimensions)
        return GatedIndex(_RemoteEngine(self, generation), dimensions=dimensions)

    def drop(self, generation: str) -> None:
        """Delete a generation."""
        self.call(Method.DROP, generation)

    def generations(self) -> list[str]:
        """Names of all generations, sorted."""
        return list(self.call(Method.GENERATIONS))

    def info(self) -> dict[str, object]:
        """Points per generation, memory and id of the index process."""
        return dict(self.call(Method.INFO))

    def close(self) -> None:
        """Hang up; the process goes by itself once nobody else is connected."""
        self._closed = True
        self._hang_up()

    def shutdown(self) -> None:
        """Stop the process, if there is one, and wait until it has let go of the directory."""
        for _ in range(_ATTEMPTS):
            channel = self._dialled()
            if channel is None:
                break
            try:
                channel.send({"method": Method.SHUTDOWN})
                channel.receive()
                break
            except (EOFError, OSError):
                pass  # It was on its way out already, perhaps for a successor.
            finally:
                channel.close()
        self._hang_up()
        lock = Rendezvous.of(self._data_dir).process_lock
        try:
            with locked(lock, patience_seconds=_START_SECONDS):
                pass
        except TimeoutError as error:
            raise IndexUnavailableError(
                f"{lock}: the index process still holds it, or another was started meanwhile"
            ) from error

    def call(self, method: Method, generation: str | None = None, given: Any = None) -> Any:
        """Make one idempotent call, again if the process died or was succeeded under it.

        Raises:
            IndexUnavailableError: it cannot be started or reached, or the call failed there.
        """
        message = {"method": method, "of": generation, "with": given}
        patience = None if method in _UNHURRIED else _CALL_SECONDS
        cause: Exception | None = None
        for attempt in range(_ATTEMPTS):
            # Afresh after the first: what lies in the pool may lead to the dead process, too.
            channel = self._connected() if attempt else self._borrowed()
            try:
                channel.send(message)
                channel.await_frame(patience)
                reply = channel.receive()
            except TimeoutError as error:
                channel.close()
                raise IndexUnavailableError(
                    f"index: no answer to '{method}' within {patience:g} s; "
                    "see index/process.log in the data directory"
                ) from error
            except (EOFError, OSError) as error:
                channel.close()
                self._hang_up()
                cause = error
            except BaseException:
                channel.close()
                raise
            else:
                if "error" in reply:
                    # Perhaps of a process whose directory was removed from under it, and another
                    # serves by now: whoever asks again looks up whom to ask.
                    channel.close()
                    self._hang_up()
                else:
                    self._give_back(channel)
                return _opened(reply)
        raise IndexUnavailableError(
            f"index: the index process died again and again on '{method}'; {remedy(self._data_dir)}"
        ) from cause

    def _borrowed(self) -> Channel:
        with self._lock:
            if self._owner != os.getpid():
                # A fork shares its parent's sockets; answers would go to either at random.
                self._owner, self._idle = os.getpid(), []
            if self._idle:
                return self._idle.pop()
        return self._connected()

    def _connected(self) -> Channel:
        if self._closed:
            raise IndexUnavailableError("index: this host was closed; open another")
        return self._dialled() or self._started()

    def _give_back(self, channel: Channel) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(channel)
                return
        channel.close()

    def _hang_up(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()

    def _dialled(self) -> Channel | None:
        """A connection to the process there is, or None if there is none."""
        meeting = Rendezvous.of(self._data_dir)
        address = meeting.address()
        if address is None:
            return None
        try:
            return Channel.dial(address, meeting.key())
        except AuthenticationError as error:
            raise IndexUnavailableError(
                f"{meeting.directory}: the index process holds another key; stop it and try again"
            ) from error
        except TimeoutError as error:
            raise IndexUnavailableError(
                f"{meeting.directory}: the index process does not answer; "
                "its id is in process.lock, its words are in process.log"
            ) from error
        except (EOFError, OSError):
            return None

    def _started(self) -> Channel:
        """A connection to a process that was started for it, by us or by who came first."""
        meeting = Rendezvous.of(self._data_dir)
        try:
            with locked(meeting.start_lock, patience_seconds=_START_SECONDS):
                channel = self._dialled()
                if channel is None:
                    launch(
                        meeting,
                        self._data_dir,
                        idle_seconds=self._idle_seconds,
                        patience_seconds=_START_SECONDS,
                    )
                    channel = self._dialled()
        except TimeoutError as error:
            raise IndexUnavailableError(
                f"{meeting.directory}: another command has been starting the index process for "
                f"{_START_SECONDS:g} s; end it and try again"
            ) from error
        if channel is None:
            raise IndexUnavailableError(
                f"{meeting.directory}: the index process was started and does not answer; "
                "see process.log there"
            )
        return channel


class _RemoteEngine:
    """The engine behind the gate: each method is one call, or one per batch."""

    def __init__(self, host: EdgeHost, generation: str) -> None:
        self._host = host
        self._generation = generation

    def upsert(self, points: Sequence[Point]) -> None:
        for start in range(0, len(points), _POINTS_PER_CALL):
            self._call(Method.UPSERT, rpc.pack_points(points[start : start + _POINTS_PER_CALL]))

    def delete(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _IDS_PER_CALL):
            self._call(Method.DELETE, list(ids[start : start + _IDS_PER_CALL]))

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        for portion in portions(changes, most=_PLACES_PER_CALL):
            self._call(Method.SET_PLACES, rpc.pack_places(portion))

    def search(self, search: ClearedSearch) -> SearchResult:
        return rpc.unpack_result(self._call(Method.SEARCH, rpc.pack_search(search)))

    def count(self) -> int:
        return int(self._call(Method.COUNT))

    def page(self, after: str | None, limit: int) -> list[str]:
        return list(self._call(Method.PAGE, {"after": after, "limit": limit}))

    def has(self, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), _IDS_PER_CALL):
            found.update(self._call(Method.HAS, list(ids[start : start + _IDS_PER_CALL])))
        return found

    def optimise(self) -> None:
        self._call(Method.OPTIMISE)

    def flush(self) -> None:
        self._call(Method.FLUSH)

    def _call(self, method: Method, given: Any = None) -> Any:
        return self._host.call(method, self._generation, given)


def _opened(reply: dict[str, Any]) -> Any:
    if "error" in reply:
        raise IndexUnavailableError(reply["error"]["message"], code=reply["error"]["code"])
    return reply["ok"]
