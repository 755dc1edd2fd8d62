"""Which generation is served: promoted, rolled back, on trial, retired, and asked meanwhile."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from acl.errors import NotFoundError
from ingestion.errors import GenerationError
from ingestion.generations import build, canary, promote, rebuild, retire, rollback
from ingestion.models import ChunkRow, EmbeddingRow
from retrieval.lookup import get_evidence
from tests.support.content import active, assert_consistent
from tests.support.generations import (
    BY,
    answers,
    change_everything,
    other,
    ready,
    state,
    taught,
)
from tests.support.installation import TENANT, Installation, caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.interrupted import InterruptedHost


@pytest.fixture
def told(world: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Four documents, and builds that take many batches."""
    monkeypatch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 1)
    return taught(world)


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
    before = told.texts(caller("user:bob"))  # somebody else: what he found is not remembered for us
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
