"""An empty installation whose index is watched; everything here runs on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.index import WatchedHost
from tests.support.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

_FIXTURES = {"sqlite": "sqlite_catalogue", "postgres": "postgres_catalogue"}


@pytest.fixture(scope="session", params=_FIXTURES)
def blank_catalogue(request: pytest.FixtureRequest) -> Blank:
    """The same promises on each engine of the catalogue."""
    blank: Blank = request.getfixturevalue(_FIXTURES[request.param])
    return blank


@pytest.fixture
def host() -> WatchedHost:
    """The index of :func:`world`; faithful until a test sets ``on_search``."""
    return WatchedHost()


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path, host: WatchedHost) -> Iterator[Installation]:
    """An installation with nothing in it."""
    with Installation.open(blank_catalogue, tmp_path / "data", host=host) as installation:
        yield installation
