"""A clock for the windows, which stands still unless a test moves it."""

from __future__ import annotations

import time

import pytest


class Watch:
    """Stands in for the clock of the library."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Windows begin with the minute, and none must end in the middle of a test."""
    made = Watch()
    monkeypatch.setattr(time, "time", made)
    return made
