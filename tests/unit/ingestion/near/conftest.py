"""An empty installation on each engine of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.ingestion.near.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

_FIXTURES = {"sqlite": "sqlite_catalogue", "postgres": "postgres_catalogue"}


@pytest.fixture(scope="session", params=_FIXTURES)
def blank_catalogue(request: pytest.FixtureRequest) -> Blank:
    """The same on each engine."""
    blank: Blank = request.getfixturevalue(_FIXTURES[request.param])
    return blank


@pytest.fixture
def shelf(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Shelf]:
    """A shelf with nothing on it."""
    with Shelf.open(blank_catalogue, tmp_path / "data") as made:
        yield made
