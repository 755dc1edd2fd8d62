"""The recorder: nothing queued is lost, and nobody who ends waits for it to gather more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import retrieval.recorder
from retrieval.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Counting:
    """As much of a database as a recorder of empty rows needs."""

    def __init__(self) -> None:
        self.written: list[str] = []

    @contextmanager
    def write(self, tenant: str) -> Iterator[None]:
        self.written.append(tenant)
        yield


def test_closing_does_not_wait_for_more_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.recorder, "_PAUSE_SECONDS", 3600.0)
    database: Any = Counting()
    recorder = Recorder(database)
    recorder.add("acme", ())
    recorder.close()
    thread = recorder._thread
    assert thread is not None
    assert not thread.is_alive()
    assert database.written == ["acme"]
    assert recorder.waiting == 0
