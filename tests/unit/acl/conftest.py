"""A catalogue with one tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acl.admin.directory import ensure_tenant
from tests.support.clock import NOON
from tests.support.installation import TENANT, open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acl.orm import Database
    from tests.support.catalogue import Blank


@pytest.fixture
def catalogue(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Database]:
    """An empty tenant."""
    database = open_catalogue(blank_catalogue, tmp_path)
    ensure_tenant(database, TENANT, now=NOON)
    yield database
    database.close()
