"""How runs end before their end, and what the next one makes of it."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select

from ingestion import jobs
from ingestion.errors import CatalogError, EmbeddingError, IndexUnavailableError
from ingestion.freshness import FreshnessState, source_freshness
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import DocumentRow, RunRow
from ingestion.report import Progress, RunStatus
from ingestion.run import pipeline, record, steps
from tests.support.clock import HOUR
from tests.support.content import assert_consistent, content
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import Died
from tests.support.source import Shelved
from tests.unit.ingestion.shelves import SHELF, counts, listed, runs, source_row, troubled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.report import RunReport
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

MANY = {f"{n:02}.md": Shelved(f"Rule number {n}.", "staff") for n in range(12)}


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each document is a batch, and nothing is under way beside it."""
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 1)
    monkeypatch.setattr(pipeline, "DEPTH", 0)


def run_row(world: Installation, run_id: str) -> RunRow:
    with world.runtime.database.read(TENANT) as session:
        row = session.get_one(RunRow, (TENANT, run_id))
        session.expunge(row)
    return row


def pending(world: Installation) -> list[str]:
    with world.runtime.database.read(TENANT) as session:
        return list(
            session.scalars(
                select(DocumentRow.external_id)
                .where(DocumentRow.pending_since.is_not(None))
                .order_by(DocumentRow.external_id)
            )
        )


@pytest.mark.usefixtures("one_by_one")
def test_a_cancelled_run_keeps_what_it_has_written_and_says_how_far_it_came(
    world: Installation, host: InterruptedHost
) -> None:
    done: list[Progress] = []
    report = world.ingest(listed(MANY), on_progress=done.append, cancelled=lambda: len(done) >= 5)
    assert (report.status, report.added, report.backlog) == (RunStatus.CANCELLED, 5, 7)
    assert runs(world) == [RunStatus.CANCELLED]
    row = source_row(world)
    assert (row.last_success_at, row.last_error, row.backlog) == (None, None, 7)
    assert_consistent(world, host.memory)
    resumed = world.ingest(listed(MANY))
    assert counts(resumed) == {"listed": 12, "added": 7, "unchanged": 5}
    assert source_row(world).backlog == 0


@pytest.mark.usefixtures("one_by_one")
def test_a_cancelled_run_deletes_nothing_and_closes_what_it_must(world: Installation) -> None:
    world.ingest(listed(SHELF))
    shelf = {"a.md": Shelved(SHELF["a.md"].text, None), "z.md": SHELF["b.md"]}
    report = world.ingest(listed(shelf), cancelled=lambda: True)
    assert (report.closed, report.deleted, report.status) == (0, 0, RunStatus.CANCELLED)
    asked = iter([False, True])
    report = world.ingest(listed(shelf), cancelled=lambda: next(asked, True))
    assert (report.closed, report.deleted) == (1, 0)
    assert world.texts(caller()) == [SHELF["b.md"].text]


@pytest.mark.usefixtures("one_by_one")
def test_a_run_is_stopped_through_its_row(world: Installation) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 3:
            with world.change() as session:
                session.get_one(RunRow, (TENANT, "run-1")).cancelled_at = world.clock()

    report = world.ingest(listed(MANY), run_id="run-1", on_progress=stop)
    assert (report.run_id, report.status, report.added) == ("run-1", RunStatus.CANCELLED, 3)


def test_a_run_that_died_is_said_to_have_been_interrupted(
    world: Installation, host: InterruptedHost
) -> None:
    host.die_at("after upsert")
    with pytest.raises(Died):
        world.ingest(listed(), run_id="first")
    assert run_row(world, "first").status == RunStatus.RUNNING
    host.on_write = lambda _moment: None
    world.clock.advance(HOUR)
    report = world.ingest(listed(), run_id="second")
    assert counts(report) == {"listed": 3, "added": 3}
    died = run_row(world, "first")
    assert (died.status, died.finished_at) == (RunStatus.FAILED, world.clock())
    assert json.loads(died.report)["error"] == record.INTERRUPTED


def test_an_index_that_cannot_be_optimised_is_no_failed_run(
    world: Installation, host: InterruptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(moment: str) -> None:
        if moment == "before optimise":
            raise IndexUnavailableError("no room for a copy; free some")

    monkeypatch.setattr(steps, "OPTIMISE_AFTER", 1)
    host.on_write = no_room
    report = world.ingest(listed())
    assert (report.status, report.not_optimised) == (RunStatus.OK, "no room for a copy; free some")
    assert world.texts(caller())


@pytest.mark.usefixtures("one_by_one")
def test_ctrl_c_ends_a_run_between_two_writes_and_says_so(
    world: Installation, host: InterruptedHost
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.ingest(listed(MANY), on_progress=interrupt)
    assert runs(world) == [RunStatus.CANCELLED]
    assert source_row(world).backlog == 8
    assert_consistent(world, host.memory)
    assert counts(world.ingest(listed(MANY))) == {"listed": 12, "added": 8, "unchanged": 4}


def test_what_was_listed_as_newer_and_not_written_is_pending(
    world: Installation, embedder: CountingEmbedder
) -> None:
    world.ingest(listed())

    def refuse(_texts: Sequence[str]) -> None:
        raise EmbeddingError("the model is gone; put it back")

    embedder.on_embed = refuse
    with pytest.raises(EmbeddingError):
        world.ingest(listed(SHELF | {"a.md": Shelved("Newer.", "staff")}))
    assert pending(world) == ["a.md"]
    assert source_row(world).backlog == 3
    embedder.on_embed = lambda _texts: None
    world.ingest(listed(SHELF | {"a.md": Shelved("Newer.", "staff")}))
    assert pending(world) == []


def test_no_batch_is_written_after_one_that_was_not(
    world: Installation, host: InterruptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 1)
    host.die_at("before upsert", skip=2)
    with pytest.raises(Died):
        world.ingest(listed(MANY))
    host.on_write = lambda _moment: None
    with world.runtime.database.read(TENANT) as session:
        assert sorted(session.scalars(select(DocumentRow.external_id))) == ["00.md", "01.md"]


def test_batches_of_any_size_end_in_the_same_place(
    world: Installation, host: InterruptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ingest(listed(MANY))
    whole = content(world, host.memory)
    for name in MANY:
        world.ingest(listed({k: v for k, v in MANY.items() if k > name}))
    assert content(world, host.memory)["documents"] == {}
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 1)
    world.ingest(listed(MANY))
    assert content(world, host.memory) == whole


def test_a_dry_run_names_what_would_change(world: Installation) -> None:
    world.ingest(listed())
    shelf = {
        "a.md": Shelved("Something else.", "staff"),
        "b.md": Shelved(SHELF["b.md"].text, "board"),
        "d.md": Shelved("More.", "staff"),
        "e.md": Shelved("Unlabelled.", None),
    }
    report = world.ingest(listed(shelf), dry_run=True)
    assert [(one.external_id, one.change.value) for one in report.plan] == [
        ("e.md", "failed"),
        ("a.md", "changed"),
        ("b.md", "moved"),
        ("d.md", "added"),
        ("c.md", "deleted"),
    ]
    assert json.loads(json.dumps(report.to_dict()))["plan"][0] == {
        "external_id": "e.md",
        "change": "failed",
    }
    assert world.ingest(listed(shelf)).plan == []


def test_a_clock_that_goes_backwards_ends_no_run_and_makes_no_age_negative(
    world: Installation,
) -> None:
    world.ingest(listed())
    world.clock.advance(-timedelta(hours=3))
    report = world.ingest(listed(SHELF | {"d.md": Shelved("More.", "staff")}))
    assert (report.status, report.added, report.rate) == (RunStatus.OK, 1, None)
    with world.runtime.database.read(TENANT) as session:
        state = source_freshness(session, TENANT, world.clock())[0]
    assert (state.state, state.age_seconds) == (FreshnessState.FRESH, 0)


def test_a_full_disk_is_a_coded_error_and_leaves_nothing_half_written(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed())
    before = content(world, host.memory)
    long = {f"{n}.md": Shelved(f"{n} " * 40_000, "staff") for n in range(8)}
    engine = world.runtime.database.writer

    def limit(connection: Any, *_: object) -> None:
        (pages,) = connection.cursor().execute("PRAGMA page_count").fetchone()
        connection.cursor().execute(f"PRAGMA max_page_count = {pages + spare}")

    event.listen(engine, "checkout", limit)
    spare = 0
    with pytest.raises(CatalogError, match="make room") as caught:
        world.ingest(listed(SHELF | long))
    assert caught.value.code == "disk_full"
    assert " 1 1 " not in f"{caught.value}{source_row(world).last_error}"
    after = content(world, host.memory)
    # What is in flight may lie about, unseen; the next run removes it.
    for part in ("documents", "occurrences", "live chunks"):
        assert after[part] == before[part]
    spare = 1_000_000
    assert counts(world.ingest(listed(SHELF | long))) == {
        "listed": 11,
        "added": 8,
        "unchanged": 3,
    }
    assert_consistent(world, host.memory)


def test_a_locked_catalogue_is_a_coded_error(world: Installation, host: InterruptedHost) -> None:
    world.ingest(listed())
    before = content(world, host.memory)
    engine = world.runtime.database.writer

    def hurry(connection: Any, *_: object) -> None:
        connection.cursor().execute("PRAGMA busy_timeout = 1")

    event.listen(engine, "checkout", hurry)
    path = engine.url.database
    assert path is not None
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogError, match="locked") as caught:
            _ingest(world, listed(SHELF | MANY))
        other.execute("ROLLBACK")
    other.close()
    assert caught.value.code == "catalog_locked"
    assert content(world, host.memory) == before
    assert world.ingest(listed()).status is RunStatus.OK


def _ingest(world: Installation, source: Any) -> RunReport:
    return ingest(
        world.runtime.ingest_context(), source, tenant=TENANT, config=SourceConfig("memory", {})
    )


def test_everything_told_of_progress_is_in_order_and_ends_at_the_total(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 2)
    monkeypatch.setattr(record, "_TELL_EVERY_SECONDS", 0)
    told: list[Progress] = []
    report = world.ingest(
        troubled(MANY, unseen=("x.md",), broken=frozenset({"03.md"})), on_progress=told.append
    )
    assert [one.done for one in told] == list(range(1, 14))
    assert {one.total for one in told} == {13}
    kept = json.loads(run_row(world, report.run_id).progress)
    assert (kept["done"], kept["total"], kept["phase"]) == (13, 13, "indexing")
