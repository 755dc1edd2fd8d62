"""Whoever pushes and may not read learns nothing of what is there: two worlds, the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi.testclient import TestClient

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.push import deliver
from retrieval.api.app import create_app
from tests.security.test_two_worlds_over_http import URL, Surface, spelled
from tests.support.installation import TENANT, Installation
from tests.support.pushing import feed, gone, putting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

BOARD: Final = {"allow": ["user:bob"]}
OPEN: Final = {"allow": ["user:ann"]}
SECRET: Final = "The merger with Initech closes in the third quarter."
KINDS: Final = ("absent", "there", "deleted", "in other words")
DOCUMENTS: Final = "/v1/sources/feed/documents"

# Each asks of a document of its own, because what it does shows in what follows.
ASKED: Final = (
    ("PUT", "a", {"text": SECRET, "acl": BOARD}),
    ("PUT", "b", {"text": SECRET, "acl": OPEN}),
    ("PUT", "c", {"text": "Another plan.", "acl": BOARD}),
    ("PUT", "d", {"text": " ", "acl": BOARD}),
    ("PUT", "e", {"text": SECRET}),
    ("PUT", "f", {"text": SECRET, "acl": "hidden"}),
    ("PUT", "g", {"text": SECRET, "acl": BOARD, "sequence": 2}),
    ("DELETE", "h", None),
    ("DELETE", "i?sequence=3", None),
    ("GET", "j", None),
)


def test_the_first_reply_is_the_same_whether_a_hidden_document_is_there_or_not(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    worlds = [replies(blank_catalogue, tmp_path / kind, kind) for kind in KINDS]
    for asked, *answers in zip(ASKED, *worlds, strict=True):
        assert len(set(answers)) == 1, asked
    statuses = [reply.partition("\n")[0] for reply in worlds[0]]
    assert statuses == ["200", "200", "200", "422", "422", "422", "200", "200", "200", "405"]


def replies(blank: Blank, directory: Path, kind: str) -> list[str]:
    """What somebody is told who would like to know whether there are plans, and what they say."""
    with Installation.open(blank, directory, public_url=URL) as world:
        world.know("user:ann", "user:bob")
        source, context = feed(world), world.runtime.ingest_context()
        # The source has one document in every world, so that there is an index.
        deliver(context, source, [putting("open", "The canteen opens at noon.", "user:ann")])
        names = [name.partition("?")[0] for _, name, _ in ASKED]
        if kind != "absent":
            text = SECRET if kind != "in other words" else "The merger was called off."
            deliver(context, source, [putting(name, text, "user:bob") for name in names])
        if kind == "deleted":
            deliver(context, source, [gone(name) for name in names])
        with world.change() as session:
            token = create_key(
                session,
                TENANT,
                Principal.parse("user:ann"),
                api_scopes=[ApiScope.INGEST],
                now=world.clock(),
            ).token
        with TestClient(create_app(world.runtime), raise_server_exceptions=False) as client:
            surface = Surface(client, token)
            return [
                spelled(surface.reply(method, f"{DOCUMENTS}/{name}", body))
                for method, name, body in ASKED
            ]
