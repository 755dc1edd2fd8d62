"""Workers carry out runs told of through PostgreSQL: once, whatever is said twice or killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner

from ingestion import jobs, runs
from ingestion.report import RunStatus
from ingestion.runs import RunOptions
from ingestion.sources.registry import open_source
from retrieval.cli.app import app
from retrieval.queue import tables
from retrieval.queue.kind import ATTEMPTS, QueueKind
from retrieval.queue.runner import QUEUE, TASK, QueueRunner
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.postgres import Server

TENANT: Final = "acme"
PATIENCE_SECONDS: Final = 120
CONFIG: Final = {
    "url_env": "WIKI_URL",
    "query": "SELECT id, body, readers FROM page",
    "columns": {"external_id": "id", "text": "body", "allow": "readers"},
}


class Fleet:
    """A service's end of an installation on PostgreSQL, its source, and its workers."""

    def __init__(self, runtime: Runtime, wiki: str, environ: dict[str, str]) -> None:
        self.runtime = runtime
        self.context = runtime.ingest_context()
        self.runner = QueueRunner(runtime)
        self._wiki = create_engine(wiki, poolclass=NullPool)
        self._environ = environ
        self._workers: list[subprocess.Popen[bytes]] = []

    def add_page(self, body: str) -> None:
        with self._wiki.begin() as connection:
            connection.execute(
                text("INSERT INTO page (body, readers) VALUES (:body, 'user:ann')"), {"body": body}
            )

    @contextmanager
    def source_hangs(self) -> Iterator[None]:
        """Whoever reads the source now waits."""
        with self._wiki.begin() as connection:
            connection.execute(text("LOCK TABLE page IN ACCESS EXCLUSIVE MODE"))
            yield

    def submit(self) -> str:
        options = RunOptions(attempts=ATTEMPTS[QueueKind.POSTGRES])
        with self.runtime.database.write(TENANT) as session:
            return runs.submit(self.context, session, TENANT, "wiki", options, by="user:ann")

    def state(self, run_id: str) -> runs.RunState:
        return runs.run_state(self.context, TENANT, run_id)

    def worker(self) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("clearance")), "worker"]
        process = subprocess.Popen(command, env=self._environ)  # noqa: S603 - ours
        self._workers.append(process)
        return process

    def words(self) -> int:
        """How many words are queued or being followed."""
        settings = self.runtime.settings
        address, parameters = (
            tables.address(settings.catalogue_url),
            tables.parameters(settings.connections),
        )
        with psycopg.connect(address, **parameters) as connection:
            row = connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()
        assert row is not None
        return int(row[0])

    def say_again(self, run_id: str) -> None:
        """Tell of a run that nobody would tell of any more."""
        settings = self.runtime.settings
        connector = SyncPsycopgConnector(
            conninfo=tables.address(settings.catalogue_url),
            kwargs=tables.parameters(settings.connections),
        )
        with App(connector=connector).open() as told:
            told.configure_task(TASK, queue=QUEUE).defer(tenant=TENANT, run_id=run_id)

    def close(self) -> None:
        for process in self._workers:
            process.kill()
            process.wait()
        self.runner.close()
        self._wiki.dispose()


@pytest.fixture
def fleet(
    postgres_server: Server, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fleet]:
    """A source that was read once, when it had one page."""
    with ExitStack() as stack:
        wiki = stack.enter_context(postgres_server.database())
        ours = {
            "CLEARANCE_DATA_DIR": str(tmp_path / "data"),
            "CLEARANCE_DATABASE_URL": postgres_url,
            "CLEARANCE_QUEUE": "postgres",
            "CLEARANCE_EMBEDDER": "hash:32",
            "CLEARANCE_INDEX_IDLE_SECONDS": "2",
            "WIKI_URL": wiki,
        }
        for name, value in ours.items():
            monkeypatch.setenv(name, value)
        runtime = stack.enter_context(Runtime.open(Settings()))
        fleet = Fleet(runtime, wiki, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | ours)
        stack.callback(fleet.close)
        with create_engine(wiki, poolclass=NullPool).begin() as connection:
            connection.execute(text("CREATE TABLE page (id SERIAL, body TEXT, readers TEXT)"))
        fleet.add_page("The lift is serviced in May.")
        jobs.ingest(
            fleet.context,
            open_source("wiki", "sql", CONFIG),
            tenant=TENANT,
            config=jobs.SourceConfig("sql", CONFIG),
        )
        yield fleet


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_workers_run_is_taken_up_again_and_done_once(fleet: Fleet) -> None:
    fleet.add_page("The garage closes at ten.")
    run_id = fleet.submit()
    fleet.runner.wake()
    fleet.runner.wake()
    assert fleet.words() == 1
    first = fleet.worker()
    with fleet.source_hangs():
        until(lambda: fleet.state(run_id).status is RunStatus.RUNNING)
        first.kill()
        first.wait()
        # Nobody carries it out: whoever looks has it wait again, and says so.
        until(lambda: fleet.state(run_id).status is RunStatus.QUEUED)
    fleet.runner.wake()
    second = fleet.worker()
    until(lambda: fleet.state(run_id).status is RunStatus.OK)
    done = fleet.state(run_id)
    assert done.options.attempts == ATTEMPTS[QueueKind.POSTGRES] - 1
    assert (done.report["added"], done.report["unchanged"]) == (1, 1)

    # The word of the killed worker may come again at any time. So may any other.
    left = fleet.words()
    fleet.say_again(run_id)
    until(lambda: fleet.words() <= left)
    assert fleet.state(run_id) == done
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_SECONDS) == 0


def test_a_worker_without_a_queue_says_what_to_set(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "worker"])
    assert told.exit_code == 2
    assert "CLEARANCE_QUEUE=postgres" in told.stderr


def test_a_queue_without_its_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CLEARANCE_DATABASE_URL"):
        Settings(data_dir=tmp_path, queue=QueueKind.POSTGRES)
