"""The gate of generations: it passes what is sound, and each condition refuses what breaks it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select

from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from acl.models import AclRow
from ingestion.active import generation_row
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import GenerationError
from ingestion.generations import build, gate, promote
from ingestion.generations.report import Condition, GateReport, Question, Thresholds
from ingestion.index.port import Hit
from ingestion.models import ChunkRow, OccurrenceRow
from retrieval.ranking import fuse
from tests.support.content import active
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import InterruptedHost
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.scope import AccessScope
    from ingestion.context import IngestContext
    from ingestion.index.port import SearchRequest, SearchResult, VectorIndex

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
RULES = {
    "travel.md": Shelved("# Travel\n\nThe travel allowance abroad is 55 euros.", "staff"),
    "loans.md": Shelved("# Loans\n\nA loan needs two signatures.", "staff"),
    "merger.md": Shelved("# Merger\n\nThe merger closes in spring.", "board"),
}
QUESTIONS = (
    Question("travel allowance abroad", frozenset({"travel.md"})),
    Question("signatures of a loan", frozenset({"loans.md"})),
)
CALLERS = (caller("user:ann"), caller("user:bob"))


@pytest.fixture
def host() -> LeakyHost:
    return LeakyHost()


class LeakyHost(InterruptedHost):
    """The memory oracle; a generation named in ``leaks`` scores by how much it holds in all."""

    def __init__(self) -> None:
        super().__init__()
        self.leaks: set[str] = set()

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        index = super().open(generation, dimensions=dimensions)
        return _Leaky(index) if generation in self.leaks else index  # type: ignore[return-value]


class _Leaky:
    """Scores carry the number of all points, whoever may see them."""

    def __init__(self, inner: VectorIndex) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def search(self, scope: AccessScope, request: SearchRequest) -> SearchResult:
        found = self._inner.search(scope, request)
        more = self._inner.count() * 1e-12
        return replace(found, dense=tuple(Hit(hit.id, hit.score + more) for hit in found.dense))


@pytest.fixture
def told(world: Installation) -> Installation:
    world.know("user:ann", "user:bob")
    world.ingest(ListedSource("wiki", SPECS, RULES))
    return world


def rank(result: SearchResult) -> Sequence[str]:
    return [candidate.id for candidate in fuse(result)]


def context_of(world: Installation) -> IngestContext:
    return world.runtime.ingest_context()


def asked(world: Installation, ident: str, **options: Any) -> GateReport:
    # A clock that stands still: how busy the machine is decides no test.
    settings = {"questions": QUESTIONS, "callers": CALLERS, "timer": lambda: 0.0} | options
    return gate(context_of(world), ident, rank=rank, **settings)


def refused(world: Installation, report: GateReport) -> set[Condition]:
    """The conditions that do not hold; and because of them, promotion is refused."""
    broken = {check.condition for check in report.checks if not check.passed}
    if broken:
        with pytest.raises(GenerationError) as caught:
            promote(context_of(world), report.generation, by="cli:tess")
        assert caught.value.code == "gate_refused"
        assert active(world) == "g1"
    return broken


def test_a_sound_generation_passes_and_is_promoted(told: Installation) -> None:
    made = build(context_of(told))
    report = asked(told, made)
    assert refused(told, report) == set(), report
    assert {check.condition for check in report.checks} == set(Condition)
    promote(context_of(told), made, by="cli:tess")
    assert active(told) == made


def test_a_finer_cut_by_another_model_passes_too(told: Installation) -> None:
    context = replace(context_of(told), embedder=HashEmbedder(64), spec="hash:64")
    report = asked(told, build(context))
    assert refused(told, report) == set(), report


def test_questions_and_callers_are_drawn_from_the_catalogue_if_none_are_given(
    told: Installation,
) -> None:
    report = asked(told, build(context_of(told)), questions=(), callers=())
    assert report.passed
    quality = next(c for c in report.checks if c.condition is Condition.QUALITY)
    assert quality.figures["unlabelled"] > 0


def test_the_report_is_kept_with_the_generation(told: Installation) -> None:
    made = build(context_of(told))
    report = asked(told, made)
    row = generation_row(told.runtime.database, made)
    assert row is not None
    assert row.gate is not None
    assert json.loads(row.gate) == json.loads(json.dumps(report.to_dict()))


# Coverage


def test_a_document_that_is_missing_is_noticed(told: Installation) -> None:
    made = build(context_of(told))
    with told.runtime.database.write(TENANT) as session:
        name = session.scalar(select(OccurrenceRow.document_id).limit(1))
        session.execute(
            delete(OccurrenceRow).where(
                OccurrenceRow.generation == made, OccurrenceRow.document_id == name
            )
        )
    assert Condition.COVERAGE in refused(told, asked(told, made))


def test_a_chunk_that_the_index_lacks_is_noticed(told: Installation, host: LeakyHost) -> None:
    made = build(context_of(told))
    index = host.memory.open(made, dimensions=32)
    index.delete([next(index.ids())])
    assert Condition.COVERAGE in refused(told, asked(told, made))


def test_a_place_that_was_cut_otherwise_is_noticed(told: Installation) -> None:
    made = build(context_of(told))
    with told.runtime.database.write(TENANT) as session:
        row = session.scalars(select(OccurrenceRow).where(OccurrenceRow.generation == made)).first()
        assert row is not None
        row.end += 1
    assert Condition.ACL_PARITY in refused(told, asked(told, made))


# ACL parity


def test_a_chunk_under_another_acl_than_its_document_is_noticed(told: Installation) -> None:
    made = build(context_of(told))
    with told.runtime.database.write(TENANT) as session:
        acls = session.scalars(select(AclRow.id)).all()
        chunk = session.scalars(select(ChunkRow).where(ChunkRow.generation == made)).first()
        assert chunk is not None
        chunk.acl_id = next(ident for ident in acls if ident != chunk.acl_id)
    assert Condition.ACL_PARITY in refused(told, asked(told, made))


# Quality


def test_answers_that_are_worse_are_noticed(told: Installation) -> None:
    class Stubborn(HashEmbedder):
        """Whatever it is asked, it looks for loans."""

        def embed_documents(self, texts: Sequence[str], **_options: Any) -> Any:
            return HashEmbedder(64).embed_documents(texts)

        def embed_query(self, text: str) -> Any:
            del text
            return super().embed_query("Loans A loan needs two signatures.")

    stubborn = Stubborn(64)
    stubborn.name = stubborn.fingerprint = "stubborn"
    told.runtime._others["stubborn"] = stubborn
    made = build(replace(context_of(told), embedder=stubborn, spec="stubborn"))
    # Misspelt, so that only the vectors can tell.
    misspelt = (Question("trravelled abbroadly", frozenset({"travel.md"})),)
    report = asked(
        told, made, questions=misspelt, callers=CALLERS[:1], thresholds=Thresholds(depth=1)
    )
    assert refused(told, report) == {Condition.QUALITY}


def test_other_documents_than_before_are_noticed_without_labels(told: Installation) -> None:
    made = build(context_of(told))
    unlabelled = [Question(question.text) for question in QUESTIONS]
    strict = Thresholds(overlap=1.01)
    assert refused(told, asked(told, made, questions=unlabelled, thresholds=strict)) == {
        Condition.QUALITY
    }


def test_a_gate_that_could_ask_nothing_is_not_passed(told: Installation) -> None:
    report = asked(told, build(context_of(told)), callers=(caller("user:stranger"),))
    assert {Condition.QUALITY, Condition.TWO_WORLDS} <= refused(told, report)


# Latency


def test_answers_that_take_too_long_are_noticed(told: Installation) -> None:
    made = build(context_of(told))
    ticks = count()
    slow = iter([*([0.0, 0.001] * 2), *([0.0, 1.0, 0.0, 0.001] * 50)])

    def timer() -> float:
        next(ticks)
        return next(slow)

    assert refused(told, asked(told, made, timer=timer)) == {Condition.LATENCY}


# Two worlds


def test_scores_that_tell_of_what_is_hidden_are_noticed(
    told: Installation, host: LeakyHost
) -> None:
    made = build(context_of(told))
    host.leaks.add(made)
    assert refused(told, asked(told, made)) == {Condition.TWO_WORLDS}


def test_a_caller_who_sees_too_much_to_copy_is_narrowed_and_still_compared(
    told: Installation, host: LeakyHost
) -> None:
    made = build(context_of(told))
    small = Thresholds(world=1)
    report = asked(told, made, callers=CALLERS[1:], thresholds=small)
    assert report.passed
    host.leaks.add(made)
    report = asked(told, made, callers=CALLERS[1:], thresholds=small)
    assert refused(told, report) == {Condition.TWO_WORLDS}


def test_nothing_is_left_of_the_other_worlds(told: Installation, host: LeakyHost) -> None:
    asked(told, build(context_of(told)))
    assert host.generations() == ["g1", "g2"]


# Overruling it


def test_a_promotion_by_force_is_told_in_the_audit(told: Installation) -> None:
    made = build(context_of(told))
    report = asked(told, made, callers=(caller("user:stranger"),))
    assert not report.passed
    promote(context_of(told), made, by="cli:tess", force=True)
    with told.runtime.database.read(TENANT) as session:
        body = session.scalar(
            select(AuditRow.body).where(AuditRow.kind == EventKind.GENERATION_PROMOTE)
        )
    assert json.loads(body or "{}")["forced"] is True


def test_a_generation_that_changed_into_building_has_to_pass_again(
    told: Installation, host: LeakyHost
) -> None:
    made = build(context_of(told))
    assert asked(told, made).passed
    host.drop(made)
    changed = RULES | {"rail.md": Shelved("Rail is 9 euros.", "staff")}
    told.ingest(ListedSource("wiki", SPECS, changed))
    assert build(context_of(told)) == made
    with pytest.raises(GenerationError, match="gate"):
        promote(context_of(told), made, by="cli:tess")
