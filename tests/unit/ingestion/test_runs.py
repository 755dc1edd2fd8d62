"""Runs on request: announced once, carried out, stopped, and found when they died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acl.errors import NotFoundError
from ingestion import jobs, runs
from ingestion.errors import RunBusyError
from ingestion.lock import exclusive
from ingestion.models import RunRow
from ingestion.report import RunStatus
from ingestion.runs import RunOptions
from ingestion.sources.folder import FolderSource
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, Installation, caller
from tests.support.pushing import FEED, feed

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.context import IngestContext

ANN = "user:ann"


@pytest.fixture
def root(world: Installation, tmp_path: Path) -> Path:
    """A folder that was ingested, and one more document in it."""
    root = tmp_path / "wiki"
    root.mkdir()
    (root / "a.md").write_text("The travel allowance abroad is 55 euros.")
    world.know(ANN)
    config = {"root": str(root), "allow": [ANN]}
    jobs.ingest(
        world.runtime.ingest_context(),
        FolderSource(root, name="wiki", allow=[ANN]),
        tenant=TENANT,
        config=jobs.SourceConfig("folder", config),
    )
    (root / "b.md").write_text("A loan needs two signatures.")
    return root


@pytest.fixture
def context(world: Installation) -> IngestContext:
    return world.runtime.ingest_context()


def submit(world: Installation, source: str = "wiki", **options: int) -> str:
    with world.change() as session:
        context = world.runtime.ingest_context()
        return runs.submit(context, session, TENANT, source, RunOptions(**options), by=ANN)  # type: ignore[arg-type]


@pytest.mark.usefixtures("root")
def test_a_run_is_announced_carried_out_and_told(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world)
    assert runs.queued(context) == [(TENANT, run_id)]
    assert runs.run_state(context, TENANT, run_id).status is RunStatus.QUEUED
    world.clock.advance(HOUR)
    assert runs.perform(context, TENANT, run_id) is RunStatus.OK
    done = runs.run_state(context, TENANT, run_id)
    assert (done.status, done.requested_by, done.finished_at) == (RunStatus.OK, ANN, NOON + HOUR)
    assert (done.report["added"], done.report["unchanged"]) == (1, 1)
    assert len(world.texts(caller(ANN), "the")) == 2
    assert runs.queued(context) == []


@pytest.mark.usefixtures("root")
def test_a_dry_run_writes_nothing_but_its_report(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world, dry_run=True)
    assert runs.perform(context, TENANT, run_id) is RunStatus.OK
    assert runs.run_state(context, TENANT, run_id).report["added"] == 1
    assert len(world.texts(caller(ANN), "the")) == 1


@pytest.mark.usefixtures("root")
def test_a_second_run_of_a_source_is_refused_and_told_which_one_waits(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world)
    with pytest.raises(RunBusyError, match=run_id):
        submit(world)
    runs.perform(context, TENANT, run_id)
    assert submit(world) != run_id


@pytest.mark.usefixtures("root")
def test_what_cannot_be_run_is_absent(world: Installation) -> None:
    feed(world)
    for name in ("unheard", FEED):
        with pytest.raises(NotFoundError):
            submit(world, name)


@pytest.mark.usefixtures("root")
def test_a_run_that_waits_is_cancelled_at_once(world: Installation, context: IngestContext) -> None:
    run_id = submit(world)
    assert runs.cancel(context, TENANT, run_id).status is RunStatus.CANCELLED
    assert runs.queued(context) == []
    assert runs.perform(context, TENANT, run_id) is RunStatus.CANCELLED
    assert len(world.texts(caller(ANN), "the")) == 1
    assert runs.cancel(context, TENANT, run_id).status is RunStatus.CANCELLED


def test_a_worker_that_must_stop_puts_its_run_back(
    world: Installation, context: IngestContext, root: Path
) -> None:
    for number in range(3):
        (root / f"more{number}.md").write_text(f"More, number {number}.")
    run_id = submit(world)
    asked = iter([False])
    stopping = lambda: next(asked, True)  # noqa: E731
    assert runs.perform(context, TENANT, run_id, stopping=stopping) is RunStatus.QUEUED
    assert runs.perform(context, TENANT, run_id) is RunStatus.OK
    assert len(world.texts(caller(ANN), "the", limit=50)) == 5


def test_a_source_that_cannot_be_read_fails_its_run(
    world: Installation, context: IngestContext, root: Path
) -> None:
    for file in root.iterdir():
        file.unlink()
    root.rmdir()
    run_id = submit(world)
    assert runs.perform(context, TENANT, run_id) is RunStatus.FAILED
    assert runs.run_state(context, TENANT, run_id).report["error"].startswith("source_unreadable")


@pytest.mark.usefixtures("root")
def test_a_run_whose_process_died_is_found_interrupted_and_another_may_follow(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world)
    with world.change() as session:
        session.get_one(RunRow, (TENANT, run_id)).status = RunStatus.RUNNING.value
    with exclusive(jobs.run_lock(context, TENANT, "wiki")):
        # Somebody holds the lock of its source, so it lives.
        assert runs.run_state(context, TENANT, run_id).status is RunStatus.RUNNING
        with pytest.raises(RunBusyError, match=run_id):
            submit(world)
        assert runs.cancel(context, TENANT, run_id).cancelled_at == NOON
    after = runs.run_state(context, TENANT, run_id)
    assert after.status is RunStatus.FAILED
    assert after.report["error"].startswith("interrupted")
    assert runs.perform(context, TENANT, submit(world)) is RunStatus.OK


@pytest.mark.usefixtures("root")
def test_a_run_that_may_be_begun_again_waits_again_until_it_was_too_often(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world, attempts=3)
    for left in (2, 1, None):
        with world.change() as session:
            session.get_one(RunRow, (TENANT, run_id)).status = RunStatus.RUNNING.value
        runs.settle_all(context)
        state = runs.run_state(context, TENANT, run_id)
        if left is None:
            assert state.status is RunStatus.FAILED
            assert state.report["error"].startswith("interrupted")
        else:
            assert (state.status, state.options.attempts) == (RunStatus.QUEUED, left)
            assert (TENANT, run_id) in runs.queued(context)


@pytest.mark.usefixtures("root")
def test_a_run_that_was_to_stop_is_not_begun_again(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world, attempts=3)
    with world.change() as session:
        row = session.get_one(RunRow, (TENANT, run_id))
        row.status, row.cancelled_at = RunStatus.RUNNING.value, NOON
    assert runs.run_state(context, TENANT, run_id).status is RunStatus.FAILED


@pytest.mark.usefixtures("root")
def test_a_run_whose_source_somebody_is_at_goes_on_waiting(
    world: Installation, context: IngestContext
) -> None:
    run_id = submit(world)
    with exclusive(jobs.run_lock(context, TENANT, "wiki")):
        assert runs.perform(context, TENANT, run_id) is RunStatus.QUEUED
    assert runs.perform(context, TENANT, run_id) is RunStatus.OK


def test_a_run_that_no_longer_waits_is_not_begun_by_who_still_thinks_so(
    world: Installation, context: IngestContext, root: Path
) -> None:
    """Between the look at the row and the lock of the source, another may have carried it out."""
    run_id = submit(world)
    runs.cancel(context, TENANT, run_id)
    with pytest.raises(RunBusyError, match="cancelled already"):
        jobs.ingest(
            context,
            FolderSource(root, name="wiki", allow=[ANN]),
            tenant=TENANT,
            config=jobs.SourceConfig("folder", {"root": str(root), "allow": [ANN]}),
            run_id=run_id,
        )
    assert runs.run_state(context, TENANT, run_id).status is RunStatus.CANCELLED
    assert len(world.texts(caller(ANN), "the")) == 1


@pytest.mark.usefixtures("root")
def test_runs_are_listed_newest_first_by_source_and_tenant(
    world: Installation, context: IngestContext
) -> None:
    world.clock.advance(HOUR)
    run_id = submit(world)
    listed = runs.run_states(context, TENANT)
    assert listed[0].id == run_id
    assert len(listed) == 2
    assert runs.run_states(context, TENANT, source="other") == []
    world.ensure_tenant("rival")
    assert runs.run_states(context, "rival") == []
    with pytest.raises(NotFoundError):
        runs.run_state(context, "rival", run_id)
    with pytest.raises(NotFoundError):
        runs.cancel(context, "rival", run_id)


def test_options_survive_being_stored() -> None:
    for options in (RunOptions(), RunOptions(full=True, since=NOON, confirm_deletions=True)):
        assert RunOptions.of(options.to_json()) == options
    assert RunOptions.of("{}") == RunOptions()
