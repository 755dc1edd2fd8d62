"""Retention of quality records: whole days go, the rest stays, and the audit says who did it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from acl.audit.kinds import Stream
from retrieval.cli.app import app
from retrieval.quality.retention import kept_from, plan_prune, prune
from retrieval.quality.synthetic import Plan
from retrieval.quality.synthetic_store import write
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, FeedbackRow, RetrievalRow
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.support.audit import events, verdict
from tests.support.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

PLAN = Plan(tenants=("bank", "clinic"), weeks=2, queries=40)
NOON = PLAN.ends - timedelta(days=7) + timedelta(hours=12)
MIDNIGHT = NOON.replace(hour=0)
TABLES = (RetrievalRow, EvidenceRecordRow, CheckRow, ClaimRow, FeedbackRow)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def blank(request: pytest.FixtureRequest) -> Blank:
    catalogue: Blank = request.getfixturevalue(f"{request.param}_catalogue")
    return catalogue


@pytest.fixture
def bank(blank: Blank, tmp_path: Path) -> Iterator[Installation]:
    """Two weeks of two tenants; it is the noon of the first day of the second."""
    with Installation.open(blank, tmp_path / "bank", quality_keep_days=2) as world:
        write(world.runtime.database, PLAN, audit_database=world.runtime.audit_database)
        world.clock.advance(NOON - world.clock())
        yield world


def counts(world: Installation, tenant: str) -> list[int]:
    """How many rows each table holds."""
    found = []
    for table in TABLES:
        feedback = table is FeedbackRow
        home = world.runtime.audit_database if feedback else world.runtime.database
        with home.read(tenant) as session:
            found.append(session.scalar(select(func.count()).select_from(table)) or 0)
    return found


def oldest(world: Installation, tenant: str) -> datetime:
    with world.runtime.database.read(tenant) as session:
        first = [session.scalar(select(func.min(row.at))) for row in (RetrievalRow, CheckRow)]
    return min(at for at in first if at is not None)


def test_whole_days_go_with_all_that_hangs_on_them_and_only_those_of_the_tenant(
    bank: Installation,
) -> None:
    before, others = counts(bank, "bank"), counts(bank, "clinic")
    planned = plan_prune(bank.runtime, "bank", before=NOON)
    prune(bank.runtime, planned, actor="cli:root")
    after = counts(bank, "bank")
    assert planned.before == MIDNIGHT <= oldest(bank, "bank") < NOON, "its own day stays whole"
    removed = [was - now for was, now in zip(before, after, strict=True)]
    assert (removed[0], removed[2], removed[4]) == (
        planned.retrievals,
        planned.checks,
        planned.feedback,
    )
    assert all(was > now > 0 for was, now in zip(before, after, strict=True))
    assert counts(bank, "clinic") == others
    with bank.runtime.database.read("bank") as session:
        for whole, part in ((RetrievalRow, EvidenceRecordRow), (CheckRow, ClaimRow)):
            kept = set(session.scalars(select(whole.record_id)))
            assert set(session.scalars(select(part.record_id))) <= kept


def test_who_removed_how_many_is_in_the_audit_once_and_the_chain_verifies(
    bank: Installation,
) -> None:
    planned = plan_prune(bank.runtime, "bank", before=NOON)
    prune(bank.runtime, planned, actor="cli:root")
    again = plan_prune(bank.runtime, "bank", before=NOON)
    prune(bank.runtime, again, actor="cli:root")
    assert again.records == 0
    told = [
        event.body
        for event in events(bank, Stream.ADMINISTRATION, "bank")
        if event.kind == "quality.retention"
    ]
    assert told == [{"actor": "cli:root", **planned.to_dict()}]
    assert verdict(bank, stream=Stream.ADMINISTRATION, tenant="bank").intact


def test_the_setting_says_from_when_on_records_are_kept(bank: Installation) -> None:
    assert kept_from(bank.runtime) == NOON - timedelta(days=2)


def test_the_command_removes_what_the_settings_do_not_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Runtime.open(Settings(data_dir=tmp_path, embedder="hash:64")) as runtime:
        recent = Plan(tenants=("bank",), weeks=1, queries=9, ends=datetime.now(UTC))
        old = Plan(tenants=("clinic",), weeks=1, queries=9, ends=recent.ends - timedelta(days=30))
        for plan in (recent, old):
            write(runtime.database, plan, audit_database=runtime.audit_database)
    words = ["--data-dir", str(tmp_path), "quality", "prune"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert "CLEARANCE_QUALITY_KEEP_DAYS" in refused.output
    monkeypatch.setenv("CLEARANCE_QUALITY_KEEP_DAYS", "14")
    shown = CliRunner().invoke(app, [*words, "--dry-run"])
    assert "bank: 0 answers, 0 checks, 0 opinions" in shown.output
    done = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [(one["tenant"], one["retrievals"] > 0) for one in done] == [
        ("bank", False),
        ("clinic", True),
    ]
    again = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [one["retrievals"] + one["checks"] + one["feedback"] for one in again] == [0, 0]
