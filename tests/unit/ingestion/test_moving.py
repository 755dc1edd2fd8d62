"""From the embedded index to a server and back, while questions and documents come in."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from ingestion.active import generation_row
from ingestion.errors import BusyError, GenerationError, IndexUnavailableError
from ingestion.generations import build, retire, rollback
from ingestion.generations.building import lock_of
from ingestion.generations.moving import move
from ingestion.index.both import BothHosts
from ingestion.index.hosts import EngineKind
from ingestion.index.shards import InProcessEdgeHost
from ingestion.lock import exclusive
from retrieval.ranking import fuse
from tests.support.content import active
from tests.support.generations import BY, RULES, SPECS, other, taught
from tests.support.installation import TENANT, Installation, caller
from tests.support.local_server import local_server
from tests.support.source import ListedSource, Shelved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.generations.moving import Moved
    from ingestion.index.port import SearchResult
    from retrieval.evidence import RetrieveResponse
    from tests.support.catalogue import Blank

EMBEDDED, SERVER = EngineKind.EMBEDDED, EngineKind.SERVER
NEW = Shelved("# Rail\n\nThe rail allowance is 9 euros a day.", "staff")


@pytest.fixture
def both(tmp_path: Path) -> BothHosts:
    """The embedded engine, in which generations are built, and a server."""
    engines = {EMBEDDED: InProcessEdgeHost(tmp_path / "shards"), SERVER: local_server()}
    return BothHosts(engines, builds=EMBEDDED)


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path, both: BothHosts) -> Iterator[Installation]:
    """Four documents in the embedded engine."""
    with Installation.open(blank_catalogue, tmp_path / "data", host=both) as installation:
        yield taught(installation)


def rank(result: SearchResult) -> list[str]:
    return [candidate.id for candidate in fuse(result)]


def moved(world: Installation, to: EngineKind) -> Moved:
    return move(world.runtime.ingest_context(), to, rank=rank, by=BY)


def told(world: Installation) -> list[RetrieveResponse]:
    """Answers. Not with their scores, whose last bits are each engine's own."""
    return [
        world.ask(caller(who), question)
        for who in ("user:ann", "user:bob")
        for question in ("travel allowance abroad", "loan signatures", "merger")
    ]


@contextmanager
def asked_all_along(world: Installation) -> Iterator[list[object]]:
    """Two who never stop asking; yields what was wrong with what they got, and ends with enough."""
    expected, wrong, over, rounds = told(world), list[object](), threading.Event(), list[int]()

    def ask() -> None:
        while not over.is_set():
            try:
                if told(world) != expected:
                    wrong.append("another answer")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                wrong.append(error)
            rounds.append(1)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        yield wrong
    finally:
        over.set()
        for thread in asking:
            thread.join()
    assert len(rounds) >= len(asking)


def test_there_and_back_no_question_fails_and_every_answer_is_the_same(
    world: Installation, both: BothHosts
) -> None:
    with asked_all_along(world) as wrong:
        there = moved(world, SERVER)
        assert (there.promoted, there.generation, there.before) == (True, "g2", "g1")
        assert both.where(active(world)) is SERVER
        retire(world.runtime.ingest_context(), "g1", by=BY)
        back = moved(world, EMBEDDED)
        assert (back.promoted, back.generation, back.before) == (True, "g3", "g2")
        assert both.where(active(world)) is EMBEDDED
    assert wrong == []
    assert moved(world, EMBEDDED).report is None  # it is there already
    assert active(world) == "g3"
    with world.runtime.database.read(TENANT) as session:
        kinds = [row.kind for row in session.query(AuditRow)]
    assert kinds.count(EventKind.GENERATION_PROMOTE.value) == 2
    made = [generation_row(world.runtime.database, ident) for ident in ("g1", "g3")]
    assert len({(row.fingerprint, row.chunker) for row in made if row is not None}) == 1


def test_what_is_ingested_meanwhile_reaches_both_and_going_back_loses_nothing(
    world: Installation, both: BothHosts
) -> None:
    moved(world, SERVER)
    world.ingest(ListedSource("wiki", SPECS, {**RULES, "rail.md": NEW}))
    question = "rail allowance a day"
    assert NEW.text in world.texts(caller("user:ann"), question)[0]
    rollback(world.runtime.ingest_context(), by=BY)
    assert both.where(active(world)) is EMBEDDED
    assert NEW.text in world.texts(caller("user:ann"), question)[0]


def test_with_one_engine_the_settings_to_make_are_named(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with (
        Installation.open(blank_catalogue, tmp_path / "alone") as alone,
        pytest.raises(GenerationError, match="CLEARANCE_QDRANT_URL"),
    ):
        moved(alone, SERVER)


def test_an_interrupted_move_is_gone_on_with_and_a_build_elsewhere_is_not(
    world: Installation, both: BothHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IndexUnavailableError("index: gone for a moment")

    with monkeypatch.context() as failing:
        failing.setattr("ingestion.generations.building.fill", fail)
        with pytest.raises(IndexUnavailableError):
            build(other(world))
    with pytest.raises(GenerationError, match="g2 is unfinished"):
        moved(world, SERVER)
    retire(world.runtime.ingest_context(), "g2", by=BY)
    with monkeypatch.context() as failing:
        failing.setattr("ingestion.generations.building.fill", fail)
        with pytest.raises(IndexUnavailableError):
            moved(world, SERVER)
    assert active(world) == "g1"
    with exclusive(lock_of(world.runtime.ingest_context())), pytest.raises(BusyError):
        moved(world, SERVER)
    assert moved(world, SERVER).generation == "g3"
    assert both.generations() == ["g1", "g3"]
