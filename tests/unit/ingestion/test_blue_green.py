"""Generations beside one another: built while ingestion goes on, promoted, rolled back, retired."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from acl.errors import NotFoundError
from ingestion.active import generation_row
from ingestion.chunking import Chunker
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import BusyError, EmbeddingError, GenerationError
from ingestion.generations import build, canary, promote, rebuild, retire, rollback
from ingestion.lock import exclusive
from ingestion.models import ChunkRow, EmbeddingRow
from retrieval.lookup import get_evidence
from tests.support.content import active, assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import MOMENTS, Died, quiet
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingestion.context import IngestContext
    from retrieval.evidence import RetrieveResponse
    from tests.support.interrupted import InterruptedHost

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
RULES = {
    "travel.md": Shelved("# Travel\n\nThe travel allowance abroad is 55 euros.", "staff"),
    "loans.md": Shelved("# Loans\n\nA loan needs two signatures.", "staff"),
    "merger.md": Shelved("# Merger\n\nThe merger closes in spring.", "board"),
    "both.md": Shelved("# Loans\n\nA loan needs two signatures.", "board"),
}
BY = "cli:tess"


@pytest.fixture
def told(world: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Four documents, and builds that take many batches."""
    monkeypatch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 1)
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
        assert_consistent(told, host.memory, generation=generation, wider_sources=True)


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


# Switching


def test_a_promotion_serves_the_new_generation_from_the_next_query_on(
    told: Installation, host: InterruptedHost
) -> None:
    made = ready(told)
    assert promote(other(told), made, by=BY, force=True) == "g1"
    assert (active(told), state(told, "g1")) == (made, "ready")
    assert_consistent(told, host.memory)
    assert_consistent(told, host.memory, generation="g1")
    texts = told.texts(caller(), "travel allowance abroad")
    assert texts
    assert all(len(text.split()) <= 4 for text in texts)


def test_a_rollback_gives_the_former_answers_byte_for_byte(
    told: Installation, host: InterruptedHost
) -> None:
    before = answers(told)
    made = ready(told)
    promote(other(told), made, by=BY, force=True)
    assert [one.view for one in answers(told)] != [one.view for one in before]
    assert rollback(other(told), by=BY) == "g1"
    assert answers(told) == before
    assert_consistent(told, host.memory)
    assert_consistent(told, host.memory, generation=made)


def test_nothing_that_came_after_a_promotion_is_lost_by_a_rollback(
    told: Installation, host: InterruptedHost
) -> None:
    promote(other(told), ready(told), by=BY, force=True)
    change_everything(told)
    rollback(other(told), by=BY)
    assert_consistent(told, host.memory)
    assert told.texts(caller("user:bob"), "rail allowance")[0].endswith("9 euros a day.")
    assert told.texts(caller())[0].endswith("60 euros.")


def test_a_rollback_goes_to_what_was_served_and_not_to_a_candidate(told: Installation) -> None:
    promote(other(told), ready(told), by=BY, force=True)
    candidate = build(told.runtime.ingest_context())
    assert candidate == "g3"
    assert rollback(other(told), by=BY) == "g1"
    assert rollback(other(told), by=BY) == "g2"


def test_with_nothing_to_go_back_to_a_rollback_is_refused(told: Installation) -> None:
    ready(told)
    with pytest.raises(GenerationError, match="go back"):
        rollback(other(told), by=BY)


def test_a_generation_that_has_not_passed_its_gate_is_refused(told: Installation) -> None:
    made = ready(told)
    with pytest.raises(GenerationError) as caught:
        promote(other(told), made, by=BY)
    assert caught.value.code == "gate_refused"
    assert active(told) == "g1"


@pytest.mark.parametrize("ident", ["g1", "g9", ""])
def test_only_a_ready_generation_is_promoted(told: Installation, ident: str) -> None:
    with pytest.raises(GenerationError):
        promote(other(told), ident, by=BY, force=True)


def test_each_switch_is_in_the_audit_of_every_tenant(told: Installation) -> None:
    told.ensure_tenant("rival")
    made = ready(told)
    context = other(told)
    canary(context, made, 10, by=BY)
    promote(context, made, by=BY, force=True)
    rollback(context, by=BY)
    retire(context, made, by=BY)
    for tenant in (TENANT, "rival"):
        with told.runtime.database.read(tenant) as session:
            rows = session.scalars(
                select(AuditRow)
                .where(AuditRow.tenant == tenant, AuditRow.kind.startswith("generation."))
                .order_by(AuditRow.seq)
            ).all()
        told_of = [(row.kind, json.loads(row.body)) for row in rows]
        assert told_of == [
            (EventKind.GENERATION_CANARY, {"actor": BY, "generation": made, "permille": 10}),
            (
                EventKind.GENERATION_PROMOTE,
                {"actor": BY, "before": "g1", "forced": True, "generation": made},
            ),
            (EventKind.GENERATION_ROLLBACK, {"actor": BY, "before": made, "generation": "g1"}),
            (EventKind.GENERATION_RETIRE, {"actor": BY, "generation": made}),
        ]


# Retiring


def test_nothing_is_left_of_a_retired_generation_but_its_row(
    told: Installation, host: InterruptedHost
) -> None:
    made = ready(told)
    retire(other(told), made, by=BY)
    assert state(told, made) == "retired"
    assert host.generations() == ["g1"]
    with told.runtime.database.unguarded("a test counts") as session:
        assert (
            session.scalar(
                select(func.count()).select_from(ChunkRow).where(ChunkRow.generation == made)
            )
            == 0
        )
        fingerprints = set(session.scalars(select(EmbeddingRow.fingerprint)))
    assert fingerprints == {told.runtime.embedder.fingerprint}
    assert build(other(told)) == "g3"


def test_what_is_served_is_not_retired(told: Installation) -> None:
    with pytest.raises(GenerationError, match="active"):
        retire(other(told), "g1", by=BY)


def test_a_rebuild_leaves_a_candidate_alone(told: Installation, host: InterruptedHost) -> None:
    made = ready(told)
    new = rebuild(told.runtime.ingest_context())
    assert (state(told, made), state(told, new), state(told, "g1")) == (
        "ready",
        "active",
        "retired",
    )
    assert_consistent(told, host.memory)


# Canary


def test_a_canary_answers_its_share_and_each_question_always_alike(
    told: Installation,
) -> None:
    made = ready(told)
    canary(other(told), made, 500, by=BY)
    questions = [f"travel allowance abroad {number}" for number in range(40)]

    def finely(question: str) -> bool:
        return all(len(text.split()) <= 4 for text in told.texts(caller(), question))

    first = [finely(question) for question in questions]
    assert 5 < sum(first) < 35
    assert [finely(question) for question in questions] == first
    canary(other(told), made, 0, by=BY)
    assert not any(finely(question) for question in questions)


def test_a_canary_of_everything_leaves_nothing_to_the_active_one(told: Installation) -> None:
    canary(other(told), ready(told), 1_000, by=BY)
    assert all(len(text.split()) <= 4 for text in told.texts(caller()))


@pytest.mark.parametrize("permille", [-1, 1_001])
def test_a_share_that_is_none_is_refused(told: Installation, permille: int) -> None:
    with pytest.raises(GenerationError, match="permille"):
        canary(other(told), ready(told), permille, by=BY)


def test_a_reply_of_a_canary_names_no_generation(told: Installation) -> None:
    made = ready(told)
    plain = told.ask(caller()).model_dump()
    canary(other(told), made, 1_000, by=BY)
    reply = told.ask(caller())
    assert reply.model_dump().keys() == plain.keys()
    assert reply.view == plain["view"]
    assert f'"{made}"' not in reply.model_dump_json()


def test_what_any_generation_served_can_be_looked_up_while_it_is_kept(told: Installation) -> None:
    made = ready(told)
    ann, bob = caller(), caller("user:bob")
    old = told.ask(ann).evidence[0]
    canary(other(told), made, 1_000, by=BY)
    new = told.ask(ann).evidence[0]
    assert new.chunk_id != old.chunk_id
    for _ in range(2):
        for piece in (old, new):
            looked = get_evidence(told.runtime, ann, piece.chunk_id, request_id="r")
            assert looked.evidence.text == piece.text
            with pytest.raises(NotFoundError):
                get_evidence(told.runtime, bob, piece.chunk_id, request_id="r")
        if active(told) == "g1":
            promote(other(told), made, by=BY, force=True)
    retire(other(told), "g1", by=BY)
    with pytest.raises(NotFoundError):
        get_evidence(told.runtime, ann, old.chunk_id, request_id="r")


# Queries in between


def test_no_query_fails_and_none_mixes_while_generations_are_built_and_switched(
    told: Installation,
) -> None:
    made = ready(told)
    question = "travel allowance abroad loan signatures"
    whole = told.texts(caller(), question)
    canary(other(told), made, 1_000, by=BY)
    fine = told.texts(caller(), question)
    canary(other(told), made, 0, by=BY)
    seen: list[list[str]] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                seen.append(told.texts(caller(), question))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed query
                failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(3):
            promote(other(told), made, by=BY, force=True)
            assert told.texts(caller(), question) == fine
            rollback(other(told), by=BY)
            assert told.texts(caller(), question) == whole
        build(told.runtime.ingest_context())
        retire(other(told), made, by=BY)
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert failures == []
    assert len(seen) > 3
    assert all(texts in (whole, fine) for texts in seen), seen


def test_a_switch_during_the_search_does_not_mix_two_generations(
    told: Installation,
) -> None:
    made = ready(told)
    context = other(told)
    before = told.texts(caller())
    switches: list[Callable[[], object]] = [lambda: promote(context, made, by=BY, force=True)]
    usual = told.runtime.embedder_for

    def switching(generation: str) -> object:
        if switches:
            switches.pop()()
        return usual(generation)

    told.runtime.embedder_for = switching  # type: ignore[method-assign, assignment]
    texts = told.texts(caller())
    assert not switches
    assert texts != before
    assert all(len(text.split()) <= 4 for text in texts)


def test_a_build_before_anything_was_ingested_does_not_stand_in_the_way(
    world: Installation, host: InterruptedHost
) -> None:
    assert build(world.runtime.ingest_context()) == "g1"
    world.ingest(ListedSource("wiki", SPECS, RULES))
    assert (active(world), state(world, "g1")) == ("g2", "ready")
    for generation in ("g1", "g2"):
        assert_consistent(world, host.memory, generation=generation)
