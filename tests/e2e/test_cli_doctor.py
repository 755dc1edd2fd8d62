"""``clearance doctor`` finds each fault that is seeded, names it, and finds none where none is."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text, update
from typer.testing import CliRunner

from acl.audit.models import AuditRow, Stream
from acl.caller import Caller
from acl.orm import Database, utc_now
from acl.principal import Principal
from ingestion.errors import IndexUnavailableError
from ingestion.models import GenerationRow, SourceRow
from retrieval.cli.app import app
from retrieval.cli.checks import disk
from retrieval.cli.checks_inside import clock
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Seed = Callable[["Patient"], None]


class Patient:
    """An installation with one source, a signed answer, and so a chain of each kind."""

    def __init__(self, home: Path) -> None:
        self.data = home / "data"
        (home / "docs").mkdir()
        (home / "docs" / "travel.md").write_text("# Travel\n\nThe per diem is 55 euros a day.\n")
        self.clearance("ingest", str(home / "docs"), "-t", "acme", "--allow", "group:staff")
        self.clearance("acl", "add-member", "group:staff", "user:ann", "-t", "acme")
        self.clearance("query", "What is the per diem?", "-t", "acme", "--as", "user:ann")

    def clearance(self, *arguments: str) -> str:
        """Run a command that is to succeed."""
        result = CliRunner().invoke(app, ["--data-dir", str(self.data), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    def failed(self) -> dict[str, Any]:
        """What the doctor finds fault with, by the check's name."""
        result = CliRunner().invoke(app, ["--data-dir", str(self.data), "doctor", "--json"])
        found = {one["name"]: one for one in json.loads(result.stdout) if not one["passed"]}
        assert result.exit_code == (2 if found else 0)
        assert all(one["remedy"] for one in found.values())
        return found

    def runtime(self) -> Runtime:
        """Opened here, to break something."""
        return Runtime.open(Settings(data_dir=self.data, embedder="hash:64"))


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.delenv("CLEARANCE_TOKEN", raising=False)
        yield Patient(tmp_path_factory.mktemp("doctor"))


def lose_points(patient: Patient) -> None:
    with patient.runtime() as runtime:
        generation = runtime.generation()
        assert generation is not None
        held = runtime.index(generation.id)
        held.delete(list(held.ids())[:1])


def mend_points(patient: Patient) -> None:
    patient.clearance("reindex", "--full")


def set_source(patient: Patient, **values: object) -> None:
    with patient.runtime() as runtime, runtime.database.write("acme") as session:
        session.execute(update(SourceRow).where(SourceRow.tenant == "acme").values(**values))


def switch(patient: Patient, *arguments: str) -> None:
    patient.clearance("flags", *arguments, "--tenant", "acme")


def set_revision(patient: Patient, revision: str) -> None:
    with patient.runtime() as runtime, runtime.database.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


def set_fingerprint(patient: Patient, fingerprint: str) -> str:
    with patient.runtime() as runtime, runtime.database.unguarded("a test", writable=True) as open_:
        row = open_.scalars(select(GenerationRow).filter_by(state="active")).one()
        before, row.fingerprint = row.fingerprint, fingerprint
    return before


def set_body(patient: Patient, body: str) -> str:
    """Change the first row of the access stream, as nobody may. Returns what it held."""
    row = (AuditRow.tenant == "acme", AuditRow.stream == Stream.ACCESS, AuditRow.seq == 1)
    with (
        patient.runtime() as runtime,
        runtime.audit_database.unguarded("a test", writable=True) as session,
    ):
        before = session.scalars(select(AuditRow.body).where(*row)).one()
        session.execute(update(AuditRow).where(*row).values(body=body))
    return before


def test_a_healthy_installation_passes_every_check(healthy: Patient) -> None:
    assert healthy.failed() == {}


@pytest.mark.parametrize(
    ("name", "said", "seed", "mend"),
    [
        ("index", "0 points", lose_points, mend_points),
        (
            "sources",
            "acme/docs stale",
            lambda p: set_source(p, max_age_seconds=1, last_success_at=utc_now() - timedelta(1)),
            lambda p: set_source(p, max_age_seconds=None),
        ),
        (
            "sources",
            "acme/docs failing",
            lambda p: set_source(p, last_error="source_unreadable: gone"),
            lambda p: set_source(p, last_error=None),
        ),
        (
            "flags",
            "acme: source:docs=off",
            lambda p: switch(p, "set", "source:docs", "off"),
            lambda p: switch(p, "unset", "source:docs"),
        ),
        (
            "flags",
            "acme: tenant=off",
            lambda p: switch(p, "set", "tenant", "off"),
            lambda p: switch(p, "unset", "tenant"),
        ),
        (
            "keys",
            "signing",
            lambda p: (p.data / "signing" / "signing-key.pem").chmod(0o644),
            lambda p: (p.data / "signing" / "signing-key.pem").chmod(0o600),
        ),
        (
            "data",
            "0755",
            lambda p: p.data.chmod(0o755),
            lambda p: p.data.chmod(0o700),
        ),
    ],
    ids=["index", "stale", "failing", "source off", "tenant off", "keys", "mode"],
)
def test_a_seeded_fault_is_found_and_gone_when_it_is_mended(
    healthy: Patient, name: str, said: str, seed: Seed, mend: Seed
) -> None:
    seed(healthy)
    try:
        found = healthy.failed()
        assert list(found) == [name]
        assert said in found[name]["detail"]
    finally:
        mend(healthy)
    assert healthy.failed() == {}


def test_a_schema_of_another_version_is_found_and_told_apart(healthy: Patient) -> None:
    with healthy.runtime() as runtime, runtime.database.reader.connect() as connection:
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    remedies = []
    for revision in ("0001", "9999"):
        set_revision(healthy, revision)
        try:
            found = healthy.failed()
        finally:
            with_force(healthy, current)
        assert list(found) == ["catalogue"]
        remedies.append(found["catalogue"]["remedy"])
    assert remedies[0] == "clearance db upgrade"
    assert "newer version" in remedies[1]


def with_force(patient: Patient, revision: str) -> None:
    """Set the revision without opening a runtime, which would migrate or refuse."""
    database = Database(Settings(data_dir=patient.data).catalogue_url)
    with database.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    database.close()


def test_weights_other_than_those_of_the_index_are_found(healthy: Patient) -> None:
    before = set_fingerprint(healthy, "of another model")
    try:
        found = healthy.failed()
        assert "weights" in found
        assert "other weights" in found["weights"]["detail"]
    finally:
        set_fingerprint(healthy, before)
    assert healthy.failed() == {}


def test_a_changed_row_of_the_audit_is_found(healthy: Patient) -> None:
    before = set_body(healthy, "{}")
    try:
        found = healthy.failed()
    finally:
        set_body(healthy, before)
    assert list(found) == ["chains"]
    assert "acme/access" in found["chains"]["detail"]
    assert "clearance audit verify" in found["chains"]["remedy"]


def test_too_little_room_is_found(healthy: Patient) -> None:
    settings = Settings(data_dir=healthy.data)
    assert disk(settings).passed
    short = disk(settings, needed=1 << 60)
    assert not short.passed
    assert "free" in short.remedy


def test_a_clock_that_lags_behind_what_is_stored_is_found(healthy: Patient) -> None:
    with healthy.runtime() as runtime:
        assert clock(runtime).passed
        runtime.clock = Clock(utc_now() - timedelta(hours=2))
        found = clock(runtime)
    assert not found.passed
    assert "7" in found.detail
    assert "NTP" in found.remedy


def test_a_clock_that_differs_from_the_catalogue_s_server_is_found(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, embedder="hash:64", database_url=postgres_url)
    with Runtime.open(settings) as runtime:
        assert clock(runtime).passed
        runtime.clock = Clock(utc_now() + timedelta(minutes=5))
        assert not clock(runtime).passed


def test_a_lost_index_is_found_and_made_again(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patient = Patient(tmp_path)
        shutil.rmtree(patient.data / "index")
        found = patient.failed()
        assert list(found) == ["index"]
        assert "reindex --full" in found["index"]["remedy"]
        patient.clearance("reindex", "--full")
        assert patient.failed() == {}


def test_a_service_that_ran_all_the_while_answers_from_the_index_made_again(
    tmp_path: Path,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patient = Patient(tmp_path)
        ann = Caller("acme", Principal.parse("user:ann"))
        question = RetrieveRequest(query="What is the per diem?")
        with patient.runtime() as service:
            before = retrieve(service, ann, question, request_id="r")
            shutil.rmtree(patient.data / "index")
            with pytest.raises(IndexUnavailableError):
                retrieve(service, ann, RetrieveRequest(query="per diem"), request_id="r")
            patient.clearance("reindex", "--full")
            after = retrieve(service, ann, RetrieveRequest(query="The per diem?"), request_id="r")
    assert [piece.text for piece in after.evidence] == [piece.text for piece in before.evidence]
