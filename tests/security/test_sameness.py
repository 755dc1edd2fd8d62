"""Absent and forbidden are one reply, byte for byte, wherever a caller can name something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.errors import NotFoundError
from ingestion.models import ChunkRow
from retrieval.lookup import get_evidence, list_sources
from tests.support.installation import caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from tests.support.installation import Installation

ANN = caller("user:ann")
SPECS = (acl("open", allow("user:ann")), acl("board", allow("user:bob")))
OPEN = Shelved("The travel allowance abroad is 55 euros a day.", "open")
HIDDEN = Shelved("The merger is secret.", "board")
GONE = Shelved("The old travel allowance abroad was 40 euros.", "open")
FOREIGN = Shelved("The travel allowance of the rival is 77 euros.", "open")
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def filled(world: Installation) -> tuple[Installation, dict[str, str]]:
    """A world with something of every kind, and the chunk id of each."""
    world.know("user:ann")
    world.know("user:ann", tenant="rival")
    world.ingest(ListedSource("wiki", SPECS, {"open.txt": OPEN, "gone.txt": GONE}))
    world.ingest(ListedSource("board", SPECS, {"hidden.txt": HIDDEN}))
    world.ingest(ListedSource("foreign", SPECS, {"foreign.txt": FOREIGN}), tenant="rival")
    with world.runtime.database.unguarded("the test knows what is hidden") as session:
        rows = session.execute(select(ChunkRow.text, ChunkRow.id)).all()
    world.ingest(ListedSource("wiki", SPECS, {"open.txt": OPEN}))
    return world, {text: ident for text, ident in rows}  # noqa: C416 - rows are no tuples of two


def refusal(world: Installation, chunk: str, subject: str = "user:ann") -> str:
    """The words in which a chunk is refused."""
    with pytest.raises(NotFoundError) as raised:
        get_evidence(world.runtime, caller(subject), chunk, request_id="r")
    return f"{raised.value.code} {raised.value}"


def test_evidence_that_is_absent_hidden_deleted_or_foreign_is_refused_in_the_same_words(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    absent = refusal(world, NOWHERE)
    assert get_evidence(world.runtime, ANN, ids[OPEN.text], request_id="r")
    for text in (HIDDEN.text, GONE.text, FOREIGN.text):
        assert refusal(world, ids[text]) == absent
    for malformed in ("", "\0", "no uuid", ids[OPEN.text].upper(), "'; DROP TABLE chunk --"):
        assert refusal(world, malformed) == absent


def test_whoever_sees_nothing_is_refused_in_the_same_words(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    assert refusal(world, ids[OPEN.text], "user:stranger") == refusal(world, NOWHERE)


@pytest.mark.parametrize("others", [[], ["wiki"]], ids=["alone", "beside a visible one"])
def test_a_source_that_is_hidden_foreign_or_unheard_narrows_to_the_same_bytes(
    filled: tuple[Installation, dict[str, str]], others: list[str]
) -> None:
    world, _ = filled
    answers = {
        world.ask(ANN, sources=[*others, name], include=["scores"]).model_dump_json()
        for name in ("unheard", "board", "foreign")
    }
    assert len(answers) == 1
    assert ('"evidence":[{' in answers.pop()) == bool(others)


def test_sources_without_anything_visible_are_not_listed(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, _ = filled
    listed = list_sources(world.runtime, ANN, request_id="r").sources
    assert [(source.name, source.documents) for source in listed] == [("wiki", 1)]
    stranger = caller("user:stranger")
    assert list_sources(world.runtime, stranger, request_id="r").sources == []
