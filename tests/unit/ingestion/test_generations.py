"""Rebuilding the index beside the one that is served, and switching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from ingestion.active import current_generation
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import EmbeddingError, IndexUnavailableError
from ingestion.generations import rebuild
from ingestion.models import GenerationRow
from tests.support.catalogue import SqliteBlank
from tests.support.content import active, assert_consistent, content
from tests.support.installation import DIMENSIONS, Installation, caller
from tests.support.interrupted import Died
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retrieval.evidence import RetrieveResponse
    from tests.support.catalogue import Blank
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
QUESTIONS = ("travel allowance abroad", "loan signatures", "merger", "euros")
RULES = (
    "The travel allowance abroad is 55 euros.",
    "A loan needs two signatures.",
    "The merger closes in spring.",
)


@pytest.fixture
def told(world: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Two sources with texts in common, and rebuilds that take many batches."""
    monkeypatch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 1)
    for source, acls in (("wiki", ("staff", "board")), ("policies", ("staff",))):
        shelf = {
            f"{number}-{name}.md": Shelved(f"# Rules\n\n{text}", name)
            for number, text in enumerate(RULES)
            for name in acls
        }
        world.ingest(ListedSource(source, SPECS, shelf))
    world.ingest(ListedSource("wiki", SPECS, {"0.md": Shelved(RULES[0], "staff")}), tenant="rival")
    return world


def answers(world: Installation) -> list[RetrieveResponse]:
    return [
        world.ask(caller(who), question, sources=sources, include=["scores"])
        for who in ("user:ann", "user:bob")
        for question in QUESTIONS
        for sources in (None, ["wiki"], ["policies"])
    ]


def rows(world: Installation) -> dict[str, str]:
    """States by generation, but for those that are over."""
    with world.runtime.database.unguarded("a test looks at generations") as session:
        rows = session.scalars(select(GenerationRow).where(GenerationRow.state != "retired"))
        return {row.id: row.state for row in rows}


def test_a_rebuild_gives_the_same_answers_byte_for_byte(
    told: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    before, held = answers(told), content(told, host.memory)
    embedder.embedded.clear()
    assert rebuild(told.runtime.ingest_context()) == "g2"
    assert answers(told) == before
    assert content(told, host.memory) == held
    assert embedder.embedded == []
    assert (rows(told), host.generations()) == ({"g2": "active"}, ["g2"])
    assert_consistent(told, host.memory)


def test_a_rebuild_makes_up_for_an_index_that_was_lost(
    told: Installation, host: InterruptedHost
) -> None:
    before = answers(told)
    host.drop("g1")
    told.runtime.forget_index("g1")
    with pytest.raises(IndexUnavailableError, match="reindex --full"):
        told.ingest(ListedSource("unheard", SPECS, {}))  # not one that would be failing afterwards
    rebuild(told.runtime.ingest_context())
    assert answers(told) == before


def test_queries_during_a_rebuild_get_what_they_always_got(
    told: Installation, host: InterruptedHost
) -> None:
    before = answers(told)
    looks: list[bool] = []
    host.on_write = lambda _moment: looks.append(answers(told) == before)
    rebuild(told.runtime.ingest_context())
    assert len(looks) > 6
    assert all(looks)
    assert answers(told) == before


@pytest.mark.parametrize("skip", [0, 3, 6])
def test_a_rebuild_that_dies_leaves_what_is_served_and_the_next_one_goes_on(
    told: Installation, host: InterruptedHost, skip: int
) -> None:
    before, held = answers(told), content(told, host.memory)
    for moment, passed in (("before upsert", skip), ("after upsert", 0)):
        host.die_at(moment, skip=passed)
        with pytest.raises(Died):
            rebuild(told.runtime.ingest_context())
        host.on_write = lambda _moment: None
        assert active(told) == "g1"
        assert (answers(told), content(told, host.memory)) == (before, held)
        report = told.ingest(ListedSource("wiki", SPECS, {}), dry_run=True)
        assert report.deleted == 6
    new = rebuild(told.runtime.ingest_context())
    assert (rows(told), host.generations()) == ({new: "active"}, [new])
    assert (answers(told), content(told, host.memory)) == (before, held)


def test_a_generation_that_outlived_its_switch_is_cleaned_up_by_the_next_rebuild(
    told: Installation, host: InterruptedHost
) -> None:
    rebuild(told.runtime.ingest_context())
    host.memory.open("g1", dimensions=DIMENSIONS)
    new = rebuild(told.runtime.ingest_context())
    assert host.generations() == [new]


def test_a_run_after_a_dead_rebuild_does_not_touch_its_remains(
    told: Installation, host: InterruptedHost
) -> None:
    host.die_at("after upsert", skip=2)
    with pytest.raises(Died):
        rebuild(told.runtime.ingest_context())
    host.on_write = lambda _moment: None
    told.ingest(ListedSource("wiki", SPECS, {"0.md": Shelved(RULES[1], "board")}))
    assert active(told) == "g1"
    assert_consistent(told, host.memory)
    rebuild(told.runtime.ingest_context())
    assert_consistent(told, host.memory)


def test_another_configured_embedder_is_not_used_before_a_generation_is_built_with_it(
    blank_catalogue: Blank, tmp_path: Path, host: InterruptedHost
) -> None:
    source = ListedSource("wiki", SPECS, {"0.md": Shelved(RULES[0], "staff")})
    with Installation.open(blank_catalogue, tmp_path / "a", host=host) as first:
        first.ingest(source)
    catalogue = SqliteBlank(tmp_path / "a" / "catalogue.sqlite")
    with Installation.open(
        catalogue, tmp_path / "b", host=host, embedder=HashEmbedder(16)
    ) as second:
        more = {"1.md": Shelved(RULES[1], "staff"), "0.md": Shelved(RULES[0], "staff")}
        second.ingest(ListedSource("wiki", SPECS, more))
        assert second.runtime.embedder_for(active(second)).name == "hash:32"
        assert second.texts(caller(), "signatures on a loan")[0] == RULES[1]
        rebuild(second.runtime.ingest_context())
        assert second.runtime.embedder_for(active(second)).name == "hash:16"
        assert second.texts(caller(), "signatures on a loan")[0] == RULES[1]


def test_an_embedder_that_is_no_longer_the_same_is_refused_with_the_remedy(
    told: Installation,
) -> None:
    with told.runtime.database.unguarded("a test changes the weights", writable=True) as session:
        session.get_one(GenerationRow, "g1").fingerprint = "other weights"
    with pytest.raises(EmbeddingError, match="reindex --full"):
        told.ingest(ListedSource("wiki", SPECS, {}))
    rebuild(told.runtime.ingest_context())
    assert told.ingest(ListedSource("wiki", SPECS, {}), dry_run=True).deleted == 6


def test_an_embedder_that_fails_fails_the_rebuild_and_nothing_else(
    told: Installation, embedder: CountingEmbedder
) -> None:
    before = answers(told)
    with told.runtime.database.unguarded("a test forgets vectors", writable=True) as session:
        session.connection().exec_driver_sql("DELETE FROM embedding")

    def refuse(_texts: Sequence[str]) -> None:
        raise EmbeddingError("the model is gone; put it back")

    embedder.on_embed = refuse
    with pytest.raises(EmbeddingError):
        rebuild(told.runtime.ingest_context())
    assert active(told) == "g1"
    assert [a.evidence for a in answers(told)] == [b.evidence for b in before]


def test_a_rebuild_of_nothing_makes_the_first_generation(world: Installation) -> None:
    assert current_generation(world.runtime.database) is None
    assert rebuild(world.runtime.ingest_context()) == "g1"
    assert rows(world) == {"g1": "active"}


def test_progress_of_a_rebuild_ends_at_its_total(told: Installation) -> None:
    steps: list[tuple[int, int]] = []
    rebuild(told.runtime.ingest_context(), lambda done, total: steps.append((done, total)))
    assert steps[-1] == (10, 10)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
