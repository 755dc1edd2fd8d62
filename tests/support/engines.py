"""Which engines the suite runs on: the usual ones, unless two variables name others.

``CLEARANCE_TEST_CATALOGUE=postgres`` puts every catalogue that a test of this process opens on the
PostgreSQL server of the run, each in a database of its own. ``CLEARANCE_TEST_INDEX=server`` puts
every index behind the adapter of a Qdrant server, in the client's local mode. Processes that tests
start keep their engines, and so do tests that name theirs. What differs then, and why, is in
docs/clusters.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ingestion.index.memory import MemoryHost
from retrieval.settings import Settings
from tests.support.catalogue import fill
from tests.support.local_server import local_server

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    import pytest

    from ingestion.index.port import IndexHost
    from ingestion.index.server import ServerHost
    from tests.support.postgres import Server

POSTGRES: Final = os.environ.get("CLEARANCE_TEST_CATALOGUE") == "postgres"
SERVER: Final = os.environ.get("CLEARANCE_TEST_INDEX") == "server"


def usual_host() -> IndexHost:
    """The index of a test that names none: the memory oracle, or a server."""
    return local_server() if SERVER else MemoryHost()


def move_catalogues(patch: pytest.MonkeyPatch, made: ExitStack, server: Server) -> None:
    """Give every data directory without a catalogue's address a database of ``server``."""
    urls: dict[Path, str] = {}

    def catalogue_url(settings: Settings) -> str:
        if settings.database_url is not None:
            return settings.database_url
        place = settings.data_dir.resolve()
        if place not in urls:
            urls[place] = made.enter_context(server.database(fill))
        return urls[place]

    patch.setattr(Settings, "catalogue_url", property(catalogue_url))


def move_indexes(patch: pytest.MonkeyPatch) -> None:
    """Give every data directory a server that outlives those who open and close it."""
    servers: dict[Path, ServerHost] = {}

    def create(data_dir: Path, **_: object) -> IndexHost:
        place = data_dir.resolve()
        if place not in servers:
            servers[place] = local_server()
            patch.setattr(servers[place], "close", _stay)
        return servers[place]

    patch.setattr("retrieval.runtime.create_host", create)


def _stay() -> None:
    """For ``close``."""
