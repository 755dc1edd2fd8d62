"""An installation whose index and embedder are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.embedding import CountingEmbedder
from tests.support.installation import Installation
from tests.support.interrupted import InterruptedHost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank


@pytest.fixture
def host() -> InterruptedHost:
    """The index of :func:`world`."""
    return InterruptedHost()


@pytest.fixture
def embedder() -> CountingEmbedder:
    """The embedder of :func:`world`."""
    return CountingEmbedder()


@pytest.fixture
def world(
    blank_catalogue: Blank, tmp_path: Path, host: InterruptedHost, embedder: CountingEmbedder
) -> Iterator[Installation]:
    """An installation with nothing in it."""
    with Installation.open(
        blank_catalogue, tmp_path / "data", host=host, embedder=embedder
    ) as installation:
        yield installation
