"""A live service with a few documents, for what asks it through other libraries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.client import AsyncClearance, Clearance
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

# Haystack would tell its makers of every pipeline; there is no network, and nothing to tell.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

SHELF: Final = {
    "travel.md": Shelved("# Travel\n\nThe per diem for trips abroad is 55 euros.\n", "staff"),
    "meals.md": Shelved("# Meals\n\nMeals on trips abroad are in the per diem.\n", "staff"),
    "rail.md": Shelved(
        "# Rail\n\nTrips abroad by rail need no approval, per diem or not.\n", "staff"
    ),
    "merger.md": Shelved("# Merger\n\nThe per diem of the merger team is 99 euros.\n", "board"),
}


def pytest_configure(config: pytest.Config) -> None:
    """Know the marks of LangChain's tests, whose plugins are switched off."""
    for name in ("benchmark", "vcr"):
        config.addinivalue_line("markers", f"{name}: of LangChain's tests; none that run here")


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the service is, and a token of somebody who sees three of its four documents."""

    url: str
    token: str

    def client(self) -> Clearance:
        return Clearance(self.url, self.token)

    def awaited(self) -> AsyncClearance:
        return AsyncClearance(self.url, self.token)


@pytest.fixture(scope="session")
def asked(sqlite_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The service, being served."""
    folder = tmp_path_factory.mktemp("adapters") / "world"
    with Installation.open(sqlite_catalogue, folder) as installation:
        installation.join("group:staff", "user:ann")
        installation.join("group:board", "user:bob")
        specs = [acl(name, allow(f"group:{name}")) for name in ("staff", "board")]
        installation.ingest(ListedSource("handbook", specs, SHELF))
        with installation.change() as session:
            token = create_key(
                session,
                TENANT,
                Principal.parse("user:ann"),
                api_scopes=(ApiScope.RETRIEVE, ApiScope.VERIFY),
                now=installation.clock(),
            ).token
        with serving(create_app(installation.runtime)) as url:
            yield Asked(url, token)


@pytest.fixture
def client(asked: Asked) -> Iterator[Clearance]:
    """A client that waits."""
    with asked.client() as made:
        yield made
