"""A service for the tests of a module that ask it over MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.api.app import create_app
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.e2e.served import Served, furnish
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("mcp")
    with Runtime.open(Settings(data_dir=home / "data", embedder="hash:64")) as runtime:
        furnish(runtime, home)
        with serving(create_app(runtime)) as url:
            yield Served(runtime, url)
