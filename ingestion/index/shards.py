"""The shard directories of one data directory: where generations live on disk.

::

    DIRECTORY/GENERATION/generation.json    dimensions; written last, so its presence means whole
    DIRECTORY/GENERATION/shard/             the engine's own files
    DIRECTORY/.new-*, DIRECTORY/.old-*      a creation or removal that was interrupted; swept

What never lives here: searching, and any knowledge of who else uses the directory (the engine's
lock and the index process see to that).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from pathlib import Path
from typing import Final

from ingestion.index import schema
from ingestion.index.edge import EdgeEngine
from ingestion.index.gate import GatedIndex

_META: Final = "generation.json"


class ShardDirectory:
    """Engines by generation, opened on first use and kept until closed. Safe across threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._engines: dict[str, EdgeEngine] = {}
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in (*directory.glob(".new-*"), *directory.glob(".old-*")):
            shutil.rmtree(leftover)

    def create(self, generation: str, *, dimensions: int) -> EdgeEngine:
        """The engine of a generation, created when absent.

        Raises:
            IndexUnavailableError: it holds other dimensions, or the engine fails.
        """
        path = self._path(generation)
        with self._lock:
            if not (path / _META).exists():
                self._lay_out(path, dimensions)
            held = int(json.loads((path / _META).read_bytes())["dimensions"])
            if held != dimensions:
                raise schema.dimension_mismatch(generation, held=held, asked=dimensions)
            return self._load(generation, path)

    def engine(self, generation: str) -> EdgeEngine:
        """The engine of an existing generation.

        Raises:
            IndexUnavailableError: there is no such generation (code ``index_missing``).
        """
        path = self._path(generation)
        with self._lock:
            if not (path / _META).exists():
                raise schema.missing(generation)
            return self._load(generation, path)

    def drop(self, generation: str) -> None:
        """Close and delete; renamed first, so that an interrupted removal leaves no half."""
        path = self._path(generation)
        with self._lock:
            if engine := self._engines.pop(generation, None):
                engine.close()
            if path.exists():
                doomed = self._directory / f".old-{secrets.token_hex(8)}"
                path.rename(doomed)
                shutil.rmtree(doomed)

    def generations(self) -> list[str]:
        """Names of all whole generations, sorted."""
        return sorted(path.parent.name for path in self._directory.glob(f"[!.]*/{_META}"))

    def info(self) -> dict[str, object]:
        """Points per generation (opening each), resident bytes and id of this process."""
        points = {name: self.engine(name).count() for name in self.generations()}
        return {"points": points, "memory": _resident_bytes(), "pid": os.getpid()}

    def close(self) -> None:
        """Flush and close every engine."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].close()

    def _path(self, generation: str) -> Path:
        return self._directory / schema.checked_name(generation)

    def _lay_out(self, path: Path, dimensions: int) -> None:
        fresh = self._directory / f".new-{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o700)
        EdgeEngine.create(fresh / "shard", dimensions=dimensions).close()
        (fresh / _META).write_text(json.dumps({"dimensions": dimensions}), encoding="utf-8")
        fresh.rename(path)

    def _load(self, generation: str, path: Path) -> EdgeEngine:
        if generation not in self._engines:
            self._engines[generation] = EdgeEngine.load(path / "shard")
        return self._engines[generation]


class InProcessEdgeHost:
    """An :class:`~ingestion.index.port.IndexHost` whose engine runs in this very process."""

    def __init__(self, directory: Path) -> None:
        self._shards = ShardDirectory(directory)

    def open(self, generation: str, *, dimensions: int) -> GatedIndex:
        """Open a generation, creating it when absent."""
        return GatedIndex(
            self._shards.create(generation, dimensions=dimensions), dimensions=dimensions
        )

    def drop(self, generation: str) -> None:
        """Delete a generation."""
        self._shards.drop(generation)

    def generations(self) -> list[str]:
        """Names of all generations, sorted."""
        return self._shards.generations()

    def info(self) -> dict[str, object]:
        """Points per generation, memory and process id."""
        return self._shards.info()

    def close(self) -> None:
        """Flush and close every generation."""
        self._shards.close()


def _resident_bytes() -> int:
    """Resident set size of this process; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
