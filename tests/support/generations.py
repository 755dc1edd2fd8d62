"""An installation whose generations are built, and everything that can change meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ingestion.active import generation_row
from ingestion.chunking import Chunker
from ingestion.embedding.hashing import HashEmbedder
from ingestion.generations import build
from tests.support.installation import Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from ingestion.context import IngestContext
    from retrieval.evidence import RetrieveResponse

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
RULES = {
    "travel.md": Shelved("# Travel\n\nThe travel allowance abroad is 55 euros.", "staff"),
    "loans.md": Shelved("# Loans\n\nA loan needs two signatures.", "staff"),
    "merger.md": Shelved("# Merger\n\nThe merger closes in spring.", "board"),
    "both.md": Shelved("# Loans\n\nA loan needs two signatures.", "board"),
}
BY = "cli:tess"


def taught(world: Installation) -> Installation:
    """Four documents."""
    world.ingest(ListedSource("wiki", SPECS, RULES))
    return world


def other(world: Installation) -> IngestContext:
    """The installation, about to build with another embedder."""
    return replace(world.runtime.ingest_context(), embedder=HashEmbedder(16), spec="hash:16")


def words(world: Installation) -> Chunker:
    """A chunker that cuts finer than the usual one."""
    return Chunker(world.runtime.embedder.count_tokens, max_tokens=4)


def answers(world: Installation) -> list[RetrieveResponse]:
    return [
        world.ask(caller(who), question, include=["scores"])
        for who in ("user:ann", "user:bob")
        for question in ("travel allowance abroad", "loan signatures", "merger")
    ]


def state(world: Installation, ident: str) -> str:
    row = generation_row(world.runtime.database, ident)
    assert row is not None
    return row.state


def ready(world: Installation) -> str:
    """A generation that cuts and embeds otherwise, built and ready."""
    return build(other(world), chunker=words(world))


def change_everything(world: Installation) -> None:
    """One document of each kind of change: new, changed, moved, gone, unchanged."""
    shelf = {
        "new.md": Shelved("# Rail\n\nThe rail allowance is 9 euros a day.", "board"),
        "travel.md": Shelved("# Travel\n\nThe travel allowance abroad is 60 euros.", "staff"),
        "loans.md": Shelved(RULES["loans.md"].text, "board"),
        "both.md": RULES["both.md"],
    }
    world.ingest(ListedSource("wiki", SPECS, shelf))
