"""What holds for the whole suite: Hypothesis profiles, no network, one blank catalogue."""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

# The builders under ``tests.support`` are imported by name, from wherever pytest was started.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from tests.support import engines  # noqa: E402 - needs the path above
from tests.support.catalogue import PostgresBlank, SqliteBlank, fill  # noqa: E402
from tests.support.postgres import Server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acl.orm import Database
    from tests.support.catalogue import Blank

# Building a world takes longer than Hypothesis thinks an input should, and a loaded machine is
# not a failure: no deadline, and no complaint about slow generation.
settings.register_profile(
    "dev", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# For mutants: the same examples each time, and none made smaller, since the first failure will do.
settings.register_profile(
    "mutants",
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Confine every test to this machine; tests of servers and of the index process use it."""
    config.option.allow_hosts = "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the PostgreSQL server, however it asks for it."""
    for item in items:
        wanted = getattr(item, "fixturenames", ())
        engines = getattr(getattr(item, "callspec", None), "params", {}).values()
        if "postgres_server" in wanted or "postgres" in engines:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session")
def sqlite_catalogue(tmp_path_factory: pytest.TempPathFactory) -> SqliteBlank:
    """An empty catalogue at the current schema with a known secret."""
    if made := os.environ.get("CLEARANCE_TEST_BLANK"):  # by whoever runs us many times over
        return SqliteBlank(Path(made))
    return SqliteBlank.make(tmp_path_factory.mktemp("blank") / "catalogue.sqlite")


@pytest.fixture(scope="session")
def blank_catalogue(request: pytest.FixtureRequest) -> Blank:
    """The default engine's; the security suite has both in its place."""
    name = "postgres_catalogue" if engines.POSTGRES else "sqlite_catalogue"
    blank: Blank = request.getfixturevalue(name)
    return blank


@pytest.fixture(scope="session", autouse=engines.POSTGRES or engines.SERVER)
def _other_engines(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put what tests open in this process on the engines that the run is told to use."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as made:
        if engines.POSTGRES:
            engines.move_catalogues(patch, made, request.getfixturevalue("postgres_server"))
        if engines.SERVER:
            engines.move_indexes(patch)
        yield


@pytest.fixture(scope="module")
def shared_catalogue(
    blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One catalogue for all tests of a module, each of which writes into a tenant of its own."""
    database = blank_catalogue.open(tmp_path_factory.mktemp("shared"))
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The PostgreSQL server of this run, shared by its workers."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    with Server.run(run) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_catalogue(postgres_server: Server) -> PostgresBlank:
    """The same as ``sqlite_catalogue``, on PostgreSQL."""
    return PostgresBlank(postgres_server)


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A fresh catalogue at the current schema, on PostgreSQL."""
    with postgres_server.database(fill) as url:
        yield url
