"""A service with something of everything in it, so that made-up requests meet more than absence."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.push_source import keep_push_source
from retrieval.api.app import create_app
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

SHELF = {
    "travel.md": Shelved("# Travel\n\nThe per diem for trips abroad is 55 euros.\n", "staff"),
    "merger.md": Shelved("# Merger\n\nThe merger closes in spring.\n", "board"),
}


class IdleRunner:
    """Leaves runs where they are: what they do is not what is looked at."""

    def wake(self) -> None:
        """Do nothing."""

    def look(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A service that is asked.

    Attributes:
        url: where it is.
        token: with every API scope.
        known: path parameters that name something.
    """

    url: str
    token: str
    known: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def target(blank: Blank, folder: Path) -> Iterator[Target]:
    """Serve a small world; stops it."""
    with Installation.open(blank, folder) as world:
        world.join("group:staff", "user:ann")
        world.join("group:board", "user:bob")
        specs = [acl(name, allow(f"group:{name}")) for name in ("staff", "board")]
        world.ingest(ListedSource("handbook", specs, SHELF))
        keep_push_source(world.runtime.ingest_context(), TENANT, "feed")
        with world.change() as session:
            keys = [
                create_key(
                    session,
                    TENANT,
                    Principal.parse("user:ann"),
                    api_scopes=scopes,
                    now=world.clock(),
                )
                for scopes in (tuple(ApiScope), (ApiScope.RETRIEVE,))
            ]
        app = create_app(world.runtime, runner=IdleRunner())
        with serving(app) as url:
            yield Target(url, keys[0].token, _known(world, spare_key=keys[1].key_id))


def _known(world: Installation, *, spare_key: str) -> dict[str, str]:
    """Path parameters that name something."""
    answer = world.ask(caller("user:ann"), "per diem for trips abroad")
    piece = answer.evidence[0]
    return {
        "chunk_id": piece.chunk_id,
        "document_id": piece.citation.document_id,
        "receipt_id": answer.receipt_id,
        "key_id": spare_key,
        "name": "staff",
        "effect": "allow",
        "principal": "group:staff",
        "group": "group:staff",
        "member": "user:ann",
        "source": "feed",
        "external_id": "a/b",
        "dataset": "retrievals",
    }
