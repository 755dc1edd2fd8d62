"""Generations beside one another: built while ingestion goes on, and written to by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ingestion.active import generation_row
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import BusyError, EmbeddingError, GenerationError
from ingestion.generations import build, canary, promote, retire
from ingestion.lock import exclusive
from tests.support.content import active, assert_consistent
from tests.support.generations import (
    BY,
    RULES,
    SPECS,
    answers,
    change_everything,
    other,
    ready,
    state,
    taught,
    words,
)
from tests.support.interrupted import MOMENTS, Died, quiet
from tests.support.source import ListedSource, Shelved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.installation import Installation
    from tests.support.interrupted import InterruptedHost


@pytest.fixture
def told(world: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Four documents, and builds that take many batches."""
    monkeypatch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 1)
    return taught(world)


# Building


def test_a_build_is_ready_and_changes_no_answer(told: Installation, host: InterruptedHost) -> None:
    before = answers(told)
    made = ready(told)
    assert (made, state(told, made), active(told)) == ("g2", "ready", "g1")
    assert answers(told) == before
    assert_consistent(told, host.memory, generation=made)


def test_every_change_reaches_every_generation_that_is_kept(
    told: Installation, host: InterruptedHost
) -> None:
    made = ready(told)
    change_everything(told)
    for generation in ("g1", made):
        assert_consistent(told, host.memory, generation=generation)


def test_what_is_ingested_while_a_generation_is_built_is_in_it(
    told: Installation, host: InterruptedHost
) -> None:
    changes = iter(
        [lambda: change_everything(told), lambda: told.ingest(ListedSource("wiki", SPECS, RULES))]
    )
    context = other(told)

    def meanwhile(done: int, _total: int) -> None:
        if done in {1, 3}:
            next(changes, lambda: None)()

    made = build(context, chunker=words(told), on_progress=meanwhile)
    assert state(told, made) == "ready"
    for generation in ("g1", made):
        assert_consistent(told, host.memory, generation=generation)


def test_a_document_that_moves_between_being_read_and_written_is_left_to_its_write(
    told: Installation, host: InterruptedHost
) -> None:
    embedder = told.runtime.embedder
    moved: list[str] = []

    class Slow(HashEmbedder):
        """While it embeds, everything changes once."""

        def embed_documents(self, texts: Sequence[str], **_options: object) -> object:  # type: ignore[override]
            if not moved:
                moved.append("now")
                change_everything(told)
            return super().embed_documents(texts)

    slow = Slow(16)
    told.runtime._others["hash:16"] = slow
    context = replace(told.runtime.ingest_context(), embedder=slow, spec="hash:16")
    made = build(context)
    assert moved
    assert embedder.name == "hash:32"
    assert_consistent(told, host.memory, generation=made)


@pytest.mark.parametrize("moment", ["before upsert", "after upsert"])
@pytest.mark.parametrize("skip", [0, 2])
def test_a_build_that_dies_is_gone_on_with_by_the_next(
    told: Installation, host: InterruptedHost, moment: str, skip: int
) -> None:
    host.die_at(moment, skip=skip)
    with pytest.raises(Died):
        ready(told)
    host.on_write = quiet
    assert state(told, "g2") == "building"
    change_everything(told)
    written = len(host.writes)
    assert ready(told) == "g2"
    assert len(host.writes) - written < 5
    assert state(told, "g2") == "ready"
    assert_consistent(told, host.memory, generation="g2")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_dies_leaves_both_generations_whole_for_the_next(
    told: Installation, host: InterruptedHost, moment: str
) -> None:
    made = ready(told)
    host.die_at(moment, skip=1)
    try:
        change_everything(told)
    except Died:
        host.on_write = quiet
        change_everything(told)
    for generation in ("g1", made):
        assert_consistent(told, host.memory, generation=generation, wider_places=True)


def test_a_dead_build_of_another_making_is_cleared_away(
    told: Installation, host: InterruptedHost
) -> None:
    host.die_at("after upsert", skip=1)
    with pytest.raises(Died):
        ready(told)
    host.on_write = quiet
    assert build(told.runtime.ingest_context()) == "g3"
    assert (state(told, "g2"), state(told, "g3")) == ("retired", "ready")
    assert host.generations() == ["g1", "g3"]


def test_two_builds_at_once_are_refused(told: Installation) -> None:
    lock = told.runtime.ingest_context().lock_path.with_name("build.lock")
    with exclusive(lock), pytest.raises(BusyError):
        ready(told)


def test_a_document_without_text_does_not_keep_a_build_from_being_ready(
    told: Installation,
) -> None:
    blank = Shelved("<p hidden>nothing to see</p>", "staff")
    told.ingest(ListedSource("empty", SPECS, {"empty.html": blank}))
    assert state(told, ready(told)) == "ready"


def test_a_generation_retired_while_it_is_built_ends_the_build(told: Installation) -> None:
    context = other(told)

    def give_up(done: int, _total: int) -> None:
        if done == 1:
            retire(context, "g2", by=BY)

    with pytest.raises(GenerationError, match="retired"):
        build(context, on_progress=give_up)


# Falling behind


def test_an_embedder_that_fails_leaves_its_generation_behind_and_ingestion_goes_on(
    told: Installation, host: InterruptedHost
) -> None:
    made = ready(told)
    context = other(told)
    canary(context, made, 500, by=BY)

    class Broken(HashEmbedder):
        def embed_documents(self, *_texts: object, **_options: object) -> object:  # type: ignore[override]
            raise EmbeddingError("the model is gone; put it back")

    told.runtime._others["hash:16"] = Broken(16)
    change_everything(told)
    row = generation_row(told.runtime.database, made)
    assert row is not None
    assert (row.state, row.canary_permille) == ("building", 0)
    assert_consistent(told, host.memory)
    assert_consistent(told, host.memory, generation=made)
    with pytest.raises(GenerationError, match="building"):
        promote(context, made, by=BY, force=True)
    told.runtime._others["hash:16"] = HashEmbedder(16)
    assert ready(told) == made
    promote(context, made, by=BY, force=True)
    assert_consistent(told, host.memory)


def test_a_generation_that_the_engine_lost_is_begun_anew(
    told: Installation, host: InterruptedHost
) -> None:
    made = ready(told)
    host.drop(made)
    change_everything(told)
    assert state(told, made) == "building"
    assert ready(told) == made
    assert_consistent(told, host.memory, generation=made)


def test_a_build_before_anything_was_ingested_does_not_stand_in_the_way(
    world: Installation, host: InterruptedHost
) -> None:
    assert build(world.runtime.ingest_context()) == "g1"
    world.ingest(ListedSource("wiki", SPECS, RULES))
    assert (active(world), state(world, "g1")) == ("g2", "ready")
    for generation in ("g1", "g2"):
        assert_consistent(world, host.memory, generation=generation)
