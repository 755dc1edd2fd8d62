"""An open generation: its engine, where its files are, and the one line its writes stand in.

Writes go one after the other, so that a journal of them, replayed on a copy of the shard, ends in
the same points. The engine takes one call at a time anyway. What never lives here: which
generations there are.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ingestion.index.calls import ask

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.index.edge import EdgeEngine
    from ingestion.index.journal import Journal
    from ingestion.index.rpc import Method


class LeavingError(Exception):
    """This process no longer speaks for the index: the caller is to ask its successor."""


class Holding:
    """One open generation.

    Attributes:
        engine: its engine.
        shard: the directory of the engine's files.
        writing: held by whoever changes the points, or needs them to stand still.
        journal: gets a copy of every write while there is one; guarded by ``writing``.
        torn: whether a write is missing from the journal; guarded by ``writing``.
        superseded: whether another process holds the points from now on; guarded by ``writing``.
    """

    def __init__(self, engine: EdgeEngine, shard: Path) -> None:
        self.engine = engine
        self.shard = shard
        self.writing = threading.Lock()
        self.journal: Journal | None = None
        self.torn = False
        self.superseded = False

    def write(self, method: Method, given: Any) -> Any:
        """Make one call that changes points.

        Raises:
            LeavingError: the points live elsewhere by now; nothing was changed.
        """
        with self.writing:
            if self.superseded:
                raise LeavingError
            done = ask(self.engine, method, given)
            if self.journal is not None:
                # The shard in use holds the write, so it counts, whatever becomes of the copy.
                try:
                    self.journal.append({"method": method, "with": given})
                except OSError:
                    self.torn = True
            return done
