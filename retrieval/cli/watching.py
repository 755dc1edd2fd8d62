"""Staying: running again whenever a folder changes, until somebody says to end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestion.errors import IngestionError
from retrieval.cli.output import errors, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingestion.report import RunReport


def run_on_change(
    root: Path, once: Callable[[Callable[[], bool]], RunReport], *, data_dir: Path
) -> None:
    """Run now and after every change, until SIGINT or SIGTERM; the run going on ends in order.

    A run that fails keeps no later one back: it is said, and tried again after the next change.

    Args:
        root: the folder.
        once: runs once; asks the function it is given whether to stop.
        data_dir: left out, since every run changes it, wherever it lies.
    """
    from ingestion.sources.watch import changes_in

    with _until_told() as stop:
        for _ in changes_in(root, stop=stop, ignore=[data_dir]):
            try:
                once(stop.is_set)
            except IngestionError as error:
                errors().print(printable(f"error: {error}"), style="red", soft_wrap=True)
            if not stop.is_set():
                errors().print(printable(f"watching {root}; Ctrl-C ends it"), style="dim")


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, in place of what they do otherwise."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
