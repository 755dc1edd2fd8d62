"""An empty installation whose index is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.index import WatchedHost
from tests.support.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank


@pytest.fixture
def host() -> WatchedHost:
    """The index of :func:`world`; faithful until a test sets ``on_search``."""
    return WatchedHost()


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path, host: WatchedHost) -> Iterator[Installation]:
    """An installation with nothing in it."""
    with Installation.open(blank_catalogue, tmp_path / "data", host=host) as installation:
        yield installation
