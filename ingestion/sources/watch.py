"""Word of changes in a folder, gathered until it is quiet again.

Only that something changed is told, never what: whoever listens lists the folder anew, which costs
a hash for each unchanged file and cannot be led astray by a notice that was lost. What never lives
here: reading, or permissions.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingestion.errors import SourceError
from ingestion.sources.tree import SIDECAR_LIKE, SKIPPED_FOLDERS

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator

    from watchfiles import Change

QUIET_MS: Final = 500
"""How long nothing may change before what changed is told."""
GATHER_MS: Final = 10_000
"""How long changes are gathered at most, however long they go on."""
RECHECK_SECONDS: Final = 900
"""After this long without a change one is told all the same: notices can be lost, and a listing
that finds nothing new confirms that what is served is current."""
_TICK_MS: Final = 500


def changes_in(
    root: Path,
    *,
    stop: threading.Event,
    ignore: Collection[Path] = (),
    recheck_seconds: float = RECHECK_SECONDS,
) -> Iterator[None]:
    """Yield at once, and then whenever something below ``root`` changed, until ``stop`` is set.

    What the folder source passes over is passed over here too.

    Args:
        root: The folder.
        stop: Set it from anywhere to end.
        ignore: Folders below that do not count, such as a data directory that every run changes.
        recheck_seconds: As of ``RECHECK_SECONDS``.

    Raises:
        SourceError: The folder cannot be watched.
    """
    from watchfiles import watch  # noqa: PLC0415 - only where somebody watches

    filtered = _Filter(root.resolve(), [folder.resolve() for folder in ignore])
    try:
        notices = watch(
            root,
            watch_filter=filtered,
            debounce=GATHER_MS,
            step=QUIET_MS,
            stop_event=stop,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        # The first word comes when watching has begun, so that what changes while whoever listens
        # lists for the first time is told afterwards.
        due = 0.0
        for changed in notices:
            if stop.is_set():
                return
            if changed or time.monotonic() >= due:
                yield
                due = time.monotonic() + recheck_seconds
    except (OSError, RuntimeError) as error:
        raise SourceError(
            f"root: {root} cannot be watched ({type(error).__name__}); is it still there, and does "
            "the system allow so many watches?"
        ) from error


class _Filter:
    """Tells which changes count."""

    def __init__(self, root: Path, ignore: Collection[Path]) -> None:
        self._root = root
        self._ignore = tuple(ignore)

    def __call__(self, change: Change, path: str) -> bool:
        del change
        place = Path(os.path.abspath(path))  # noqa: PTH100 - resolving would follow a link
        if any(place.is_relative_to(folder) for folder in self._ignore):
            return False
        if not place.is_relative_to(self._root):
            return True
        *folders, name = ("", *place.relative_to(self._root).parts)
        hidden = name.startswith(".") and name.lower() not in SIDECAR_LIKE
        return not hidden and not any(
            folder.startswith(".") or folder in SKIPPED_FOLDERS for folder in folders
        )
