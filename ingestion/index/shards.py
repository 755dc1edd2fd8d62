"""The shard directories of one data directory: where generations live on disk.

::

    DIRECTORY/GENERATION/generation.json    dimensions, and which shard counts; replaced as a whole
    DIRECTORY/GENERATION/shard*/            the engine's own files; the one that counts, and at
                                            times a copy that is being optimised
    DIRECTORY/GENERATION/journal-*          writes of the meantime, beside such a copy
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
from typing import TYPE_CHECKING, Final

from ingestion.index import schema
from ingestion.index.edge import EdgeEngine
from ingestion.index.gate import GatedIndex
from ingestion.index.holding import Holding, LeavingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_META: Final = "generation.json"
_FIRST_SHARD: Final = "shard"


class ShardDirectory:
    """Engines by generation, opened on first use and kept until closed. Safe across threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._holdings: dict[str, Holding] = {}
        self._lock = threading.Lock()
        self._yielded = False
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def sweep(self) -> None:
        """Remove what others left unfinished; nobody else may be using the directory."""
        for leftover in (*self._directory.glob(".new-*"), *self._directory.glob(".old-*")):
            shutil.rmtree(leftover)
        for generation in self.generations():
            path = self._path(generation)
            counting = {_META, _read(path)[1]}
            for leftover in path.iterdir():
                if leftover.name not in counting:
                    _remove(leftover)

    def create(self, generation: str, *, dimensions: int) -> EdgeEngine:
        """The engine of a generation, created when absent.

        Raises:
            IndexUnavailableError: it holds other dimensions, or the engine fails.
        """
        path = self._path(generation)
        with self._lock:
            if not (path / _META).exists():
                self._lay_out(path, dimensions)
            held, _ = _read(path)
            if held != dimensions:
                raise schema.dimension_mismatch(generation, held=held, asked=dimensions)
            return self._open(generation, path).engine

    def holding(self, generation: str) -> Holding:
        """An existing generation, opened.

        Raises:
            IndexUnavailableError: there is no such generation (code ``index_missing``).
        """
        path = self._path(generation)
        with self._lock:
            if not (path / _META).exists():
                raise schema.missing(generation)
            return self._open(generation, path)

    def held(self) -> dict[str, Holding]:
        """Every generation that is open now."""
        with self._lock:
            return dict(self._holdings)

    def drop(self, generation: str) -> None:
        """Close and delete; renamed first, so that an interrupted removal leaves no half.

        Raises:
            LeavingError: another process holds the generation by now.
        """
        path = self._path(generation)
        with self._lock:
            if holding := self._holdings.get(generation):
                if holding.superseded:
                    raise LeavingError
                del self._holdings[generation]
                holding.engine.close()
            if path.exists():
                doomed = self._directory / f".old-{secrets.token_hex(8)}"
                path.rename(doomed)
                shutil.rmtree(doomed)

    def supersede(self, shards: Mapping[str, tuple[Holding, Path]]) -> list[str]:
        """Let other shards count from now on, each for the holding it is a copy of.

        The caller holds the ``writing`` lock of each. Every replacement is harmless by itself: the
        old shard and the new one hold the same points.

        Returns:
            The generations that were there to be superseded; the others were dropped meanwhile.
        """
        done = []
        with self._lock:
            for generation, (holding, shard) in shards.items():
                if self._holdings.get(generation) is holding:
                    path = self._path(generation)
                    holding.superseded = True
                    _write(path, _read(path)[0], shard.name)
                    done.append(generation)
        return done

    def adopt(self, generation: str, holding: Holding) -> None:
        """Take over a generation that is open already."""
        with self._lock:
            self._holdings[generation] = holding

    def generations(self) -> list[str]:
        """Names of all whole generations, sorted."""
        return sorted(path.parent.name for path in self._directory.glob(f"[!.]*/{_META}"))

    def info(self) -> dict[str, object]:
        """Points per generation (opening each), resident bytes and id of this process."""
        points = {name: self.holding(name).engine.count() for name in self.generations()}
        return {"points": points, "memory": _resident_bytes(), "pid": os.getpid()}

    def close(self) -> None:
        """Flush and close every engine whose shard counts; remove the shards that no longer do."""
        with self._lock:
            while self._holdings:
                generation, holding = self._holdings.popitem()
                # What stands on the disk decides, not what this process meant to write there.
                if _read(self._path(generation))[1] == holding.shard.name:
                    holding.engine.close()
                else:
                    shutil.rmtree(holding.shard, ignore_errors=True)

    def yield_rest(self) -> None:
        """Flush and close every engine that no other process holds, so that one can open it.

        From here on a call about one of them raises LeavingError.
        """
        with self._lock:
            self._yielded = True
            for generation, holding in list(self._holdings.items()):
                if not holding.superseded:
                    del self._holdings[generation]
                    holding.engine.close()

    def _path(self, generation: str) -> Path:
        return self._directory / schema.checked_name(generation)

    def _lay_out(self, path: Path, dimensions: int) -> None:
        fresh = self._directory / f".new-{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o700)
        EdgeEngine.create(fresh / _FIRST_SHARD, dimensions=dimensions).close()
        _write(fresh, dimensions, _FIRST_SHARD)
        fresh.rename(path)

    def _open(self, generation: str, path: Path) -> Holding:
        if generation not in self._holdings:
            if self._yielded:
                raise LeavingError
            shard = path / _read(path)[1]
            self._holdings[generation] = Holding(EdgeEngine.load(shard), shard)
        return self._holdings[generation]


def _read(path: Path) -> tuple[int, str]:
    """A generation's dimensions, and the name of the shard that counts."""
    meta = json.loads((path / _META).read_bytes())
    return int(meta["dimensions"]), str(meta.get("shard", _FIRST_SHARD))


def _write(path: Path, dimensions: int, shard: str) -> None:
    """Replace what :func:`_read` reads, at once and for good."""
    fresh = path / f".{_META}"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"dimensions": dimensions, "shard": shard}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path / _META)
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _remove(path: Path) -> None:
    if path.is_dir():
        # A helper that is about to end with its parent may still add a file; the next sweep's.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class InProcessEdgeHost:
    """An :class:`~ingestion.index.port.IndexHost` whose engine runs in this very process."""

    def __init__(self, directory: Path) -> None:
        self._shards = ShardDirectory(directory)
        self._shards.sweep()

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
