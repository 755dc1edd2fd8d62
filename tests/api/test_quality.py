"""``GET /v1/quality``: whole, in order, in three formats, and no more than an analyst may have."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update

from acl.audit.models import AuditRow, Stream
from acl.caller import ApiScope
from acl.errors import AuditError
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.quality.datasets import SHAPES, Dataset, Filter
from retrieval.quality.synthetic import Plan, history
from retrieval.quality.synthetic_store import write
from retrieval.records import CheckRow, EvidenceRecordRow, RetrievalRow
from tests.support.clock import NOON
from tests.support.installation import Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

BANK, RIVAL = "bank", "rival"
MIDNIGHT = datetime(NOON.year, NOON.month, NOON.day, tzinfo=UTC)
PLAN = Plan(tenants=(BANK, RIVAL), weeks=1, queries=40, ends=MIDNIGHT)


@dataclass(frozen=True)
class Desk:
    """A service with a week of records, and an analyst's token."""

    world: Installation
    client: TestClient
    token: str

    def get(self, dataset: str, *, token: str = "", **asked: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.get(f"/v1/quality/{dataset}", params=asked, headers=headers)

    def rows(self, dataset: str, **asked: Any) -> list[dict[str, Any]]:
        reply = self.get(dataset, **asked)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["rows"]
        return found

    def key(self, user: str, *scopes: ApiScope, tenant: str = BANK) -> str:
        with self.world.change(tenant) as session:
            principal = Principal.parse(f"user:{user}")
            now = self.world.clock()
            return create_key(session, tenant, principal, api_scopes=scopes, now=now).token


@pytest.fixture(scope="module")
def desk(blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("quality")
    with Installation.open(blank_catalogue, home / "data") as world:
        write(world.runtime.database, PLAN, audit_database=world.runtime.audit_database)
        world.know("user:ana", "user:bob")
        shelf = {"a.md": Shelved("The travel allowance abroad is 55 euros.", "open")}
        world.ingest(ListedSource("handbook", (acl("open", allow("user:ana")),), shelf))
        with TestClient(create_app(world.runtime), raise_server_exceptions=False) as client:
            made = Desk(world, client, "")
            yield Desk(world, client, made.key("ana", ApiScope.ANALYST))


def planned(tenant: str, table: Any) -> list[dict[str, Any]]:
    return [row for of, tables in history(PLAN) if of == tenant for row in tables[table]]


# What is told


@pytest.mark.parametrize("dataset", Dataset)
def test_a_row_has_the_columns_of_its_dataset_and_no_other(desk: Desk, dataset: Dataset) -> None:
    rows = desk.rows(dataset)
    assert rows
    assert all(tuple(row) == SHAPES[dataset].names for row in rows)
    assert {row["tenant"] for row in rows} == {BANK}


def test_every_record_of_the_tenant_is_told_once_and_in_order(desk: Desk) -> None:
    told = desk.rows("retrievals", limit=2000)
    expected = sorted((r["at"], r["record_id"]) for r in planned(BANK, RetrievalRow))
    assert [(datetime.fromisoformat(r["at"]), r["record_id"]) for r in told] == expected
    pieces = [(r["record_id"], r["rank"]) for r in desk.rows("evidence", limit=2000)]
    planted = {(r["record_id"], r["rank"]) for r in planned(BANK, EvidenceRecordRow)}
    assert len(pieces) == len(planted)
    assert set(pieces) == planted


@pytest.mark.parametrize("dataset", Dataset)
def test_pages_put_together_are_the_whole(desk: Desk, dataset: Dataset) -> None:
    whole, pages, cursor = desk.rows(dataset, limit=2000), [], None
    for _ in range(len(whole) + 1):
        turn = {"cursor": cursor} if cursor else {}
        page = desk.get(dataset, limit=7, **turn).json()
        pages += page["rows"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole


@pytest.mark.parametrize("dataset", Dataset)
def test_csv_and_parquet_say_what_json_says(desk: Desk, dataset: Dataset) -> None:
    rows = desk.rows(dataset, limit=2000)
    reply = desk.get(dataset, format="csv")
    assert reply.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(reply.text, newline="")))
    table = pq.read_table(io.BytesIO(desk.get(dataset, format="parquet").content))
    assert table.column_names == list(SHAPES[dataset].names)
    assert len(lines) == table.num_rows == len(rows)
    for row, line, wide in zip(rows, lines, table.to_pylist(), strict=True):
        for name, value in row.items():
            stored = wide[name]
            if isinstance(stored, datetime):
                assert stored == datetime.fromisoformat(value)
            else:
                assert stored == value
            if value is None:
                assert line[name] == ""
            elif isinstance(value, float):
                assert float(line[name]) == value


def test_filters_keep_what_they_name_and_nothing_else(desk: Desk) -> None:
    middle = PLAN.ends - timedelta(days=4)
    early = desk.rows("retrievals", until=middle.isoformat(), limit=2000)
    late = desk.rows("retrievals", since=middle.isoformat(), limit=2000)
    assert early
    assert late
    assert early + late == desk.rows("retrievals", limit=2000)
    cited = {r["record_id"] for r in planned(BANK, EvidenceRecordRow) if r["source"] == "handbook"}
    found = desk.rows("retrievals", source="handbook", limit=2000)
    assert {row["record_id"] for row in found} == cited
    assert {row["source"] for row in desk.rows("evidence", source="handbook")} == {"handbook"}
    assert desk.rows("retrievals", generation="g1", limit=2000)
    assert desk.rows("retrievals", generation="g9") == []


# What is not told


def test_what_the_analyst_cannot_see_is_a_digest(desk: Desk) -> None:
    rows = desk.rows("evidence", limit=2000)
    hidden = [row for row in rows if row["source"] != "handbook"]
    assert hidden
    assert all(row["source"].startswith("source:") for row in hidden)
    assert all(row["max_age_seconds"] is None for row in hidden)
    assert all(row["document_id"] is None and row["chunk_id"] is None for row in rows)
    groups = {row["document"] for row in rows}
    assert len(groups) == len({row["document_id"] for row in planned(BANK, EvidenceRecordRow)})
    resting = {row["source"] for row in desk.rows("claims", limit=2000)}
    assert {name for name in resting if not name.startswith("source:")} == {"handbook"}
    assert resting <= {row["source"] for row in rows}, "one source is told in one way"


def test_what_the_analyst_can_see_is_named_so_that_it_can_be_read(desk: Desk) -> None:
    world, ana = desk.world, desk.key("ana", ApiScope.ANALYST, ApiScope.RETRIEVE)
    headers = {"Authorization": f"Bearer {ana}"}
    asked = {"query": "travel allowance", "min_relevance": 0}
    [piece] = desk.client.post("/v1/retrieve", json=asked, headers=headers).json()["evidence"]
    seen = {"chunk_id": piece["chunk_id"], "document_id": piece["citation"]["document_id"]}
    later = PLAN.ends + timedelta(hours=1)
    record = {**planned(BANK, RetrievalRow)[0], "record_id": "seen", "at": later}
    shown = {**planned(BANK, EvidenceRecordRow)[0], "record_id": "seen", "rank": 1, **seen}
    with world.change() as session:
        session.execute(insert(RetrievalRow), [record])
        session.execute(insert(EvidenceRecordRow), [shown])
    since = later.isoformat()
    [row] = desk.rows("evidence", since=since)
    assert {name: row[name] for name in seen} == seen
    assert desk.client.get(f"/v1/evidence/{row['chunk_id']}", headers=headers).status_code == 200
    [other] = desk.rows("evidence", since=since, token=desk.key("bob", ApiScope.ANALYST))
    assert (other["document_id"], other["chunk_id"]) == (None, None)
    assert (other["document"], other["chunk"]) == (row["document"], row["chunk"])


def test_the_name_of_a_hidden_source_finds_as_little_as_one_that_nobody_has(desk: Desk) -> None:
    for dataset in ("retrievals", "evidence", "sources"):
        hidden, unheard = (
            {**desk.get(dataset, source=name).json(), "request_id": ""}
            for name in ("contracts", "unheard")
        )
        assert hidden == unheard
        assert desk.rows(dataset, source="contracts") == []
    label = next(r["source"] for r in desk.rows("evidence") if r["source"] != "handbook")
    assert desk.rows("evidence", source=label)


def test_a_request_id_that_a_client_made_up_is_not_passed_on(desk: Desk) -> None:
    first = planned(BANK, RetrievalRow)[0]
    with desk.world.change() as session:
        session.execute(
            update(RetrievalRow)
            .where(RetrievalRow.record_id == first["record_id"])
            .values(request_id="alice.smith-asks")
        )
    for form in ("json", "csv"):
        assert "alice.smith" not in desk.get("retrievals", format=form).text
    assert sum(row["request_id"] is None for row in desk.rows("retrievals", limit=2000)) == 1


def test_few_checks_of_a_day_lose_their_figures_and_a_day_that_goes_on_is_not_told(
    desk: Desk,
) -> None:
    rows = desk.rows("citations", limit=2000)
    checks = [row["at"].date() for row in planned(BANK, CheckRow)]
    for row in rows:
        number = sum(day.isoformat() == row["day"] for day in checks)
        assert row["hidden"] == (number < 5)
        assert row["checks"] == (None if number < 5 else number)
        figures = [row[name] for name in SHAPES[Dataset.CITATIONS].names[3:-1]]
        assert all((figure is None) == row["hidden"] for figure in figures)
    assert any(row["hidden"] for row in rows)
    assert any(not row["hidden"] for row in rows)
    today = {**planned(BANK, CheckRow)[0], "record_id": "today", "at": NOON}
    with desk.world.change() as session:
        session.execute(insert(CheckRow), [today])
    assert desk.rows("citations", limit=2000) == rows


@pytest.mark.parametrize("end", ["since", "until"])
def test_days_cannot_be_cut_to_find_a_check_by_subtraction(desk: Desk, end: str) -> None:
    at = (PLAN.ends - timedelta(days=3, hours=5)).isoformat()
    reply = desk.get("citations", **{end: at})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert "midnight" in reply.json()["detail"]


# Who may not


def test_without_the_scope_nothing_is_told(desk: Desk) -> None:
    everything_else = sorted(set(ApiScope) - {ApiScope.ANALYST, ApiScope.OPS})
    reply = desk.get("retrievals", token=desk.key("ana", *everything_else))
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert desk.client.get("/v1/quality/retrievals").status_code == 401


@pytest.mark.parametrize("form", ["json", "csv"])
def test_who_read_what_is_on_record_before_it_leaves(desk: Desk, form: str) -> None:
    reply = desk.get("checks", format=form, since="2020-01-01T00:00:00Z")
    assert reply.status_code == 200
    with desk.world.runtime.audit_database.read(BANK) as session:
        access = select(AuditRow).where(AuditRow.stream == Stream.ACCESS.value)
        last = session.scalars(access.order_by(AuditRow.seq.desc()).limit(1)).one()
    told = json.loads(last.body)
    assert (last.kind, told["subject"]) == ("quality.read", "user:ana")
    assert (told["dataset"], told["format"]) == ("checks", form)
    assert told["request"] == reply.headers["X-Request-ID"]


def test_what_cannot_be_put_on_record_does_not_leave(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise AuditError("the disk is full")

    monkeypatch.setattr(desk.world.runtime.ledger, "record", full)
    for form in ("json", "csv"):
        reply = desk.get("retrievals", format=form)
        assert (reply.status_code, reply.json()["code"]) == (503, "audit_unavailable")


def test_an_analyst_of_another_tenant_reads_that_one_alone(desk: Desk) -> None:
    theirs = desk.key("sam", ApiScope.ANALYST, tenant=RIVAL)
    for dataset in (Dataset.RETRIEVALS, Dataset.CLAIMS, Dataset.FEEDBACK):
        assert {row["tenant"] for row in desk.rows(dataset, token=theirs)} == {RIVAL}
    cursor = desk.get("retrievals", limit=1).json()["next"]
    reply = desk.get("retrievals", token=theirs, limit=1, cursor=cursor)
    assert reply.status_code == 422


# Bad input


def test_an_empty_period_is_an_empty_list_with_the_same_columns(desk: Desk) -> None:
    never = (NOON + timedelta(days=900)).isoformat()
    for dataset in (Dataset.RETRIEVALS, Dataset.EVIDENCE, Dataset.CHECKS, Dataset.CLAIMS):
        assert desk.rows(dataset, since=never) == []
        header = ",".join(SHAPES[dataset].names) + "\r\n"
        assert desk.get(dataset, since=never, format="csv").text == header
        table = pq.read_table(io.BytesIO(desk.get(dataset, since=never, format="parquet").content))
        assert (table.num_rows, table.column_names) == (0, list(SHAPES[dataset].names))


@pytest.mark.parametrize(
    "asked",
    [
        {"tenant": "rival"},
        {"format": "xlsx"},
        {"since": "2026-01-01T00:00:00"},
        {"limit": "0"},
        {"limit": "2001"},
        {"cursor": "nonsense"},
        {"limit": "5", "format": "csv"},
        {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(desk: Desk, asked: dict[str, str]) -> None:
    reply = desk.get("retrievals", **asked)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert next(iter(asked)) in reply.json()["detail"]


@pytest.mark.parametrize("dataset", Dataset)
def test_a_filter_that_a_dataset_does_not_have_is_refused_and_never_ignored(
    desk: Desk, dataset: Dataset
) -> None:
    value = {"since": MIDNIGHT.isoformat(), "until": MIDNIGHT.isoformat()}
    for name in set(Filter) - SHAPES[dataset].filters:
        for form in ("json", "csv", "parquet"):
            reply = desk.get(dataset, format=form, **{name: value.get(name, "x")})
            assert reply.status_code == 422, (dataset, name)
            assert f"cannot be narrowed by {name}" in reply.json()["detail"]


def test_no_such_dataset_is_refused(desk: Desk) -> None:
    assert desk.get("secrets").status_code == 422


def test_odd_records_are_told_as_they_are_and_nan_as_nothing(desk: Desk) -> None:
    """A clock ahead of ours, and a relevance that is no number."""
    future = PLAN.ends + timedelta(days=400)
    row = planned(BANK, RetrievalRow)[0]
    odd = {**row, "record_id": "odd", "at": future, "best_relevance": math.nan}
    with desk.world.change() as session:
        session.execute(insert(RetrievalRow), [odd])
    [told] = desk.rows("retrievals", since=(future - timedelta(days=1)).isoformat())
    assert told["best_relevance"] is None
    assert datetime.fromisoformat(told["at"]) == future


def test_a_name_like_a_formula_is_no_formula_in_a_spreadsheet(desk: Desk) -> None:
    with desk.world.change() as session:
        session.execute(
            update(RetrievalRow)
            .where(RetrievalRow.record_id == planned(BANK, RetrievalRow)[1]["record_id"])
            .values(generation="=1+1")
        )
    text = desk.get("retrievals", format="csv").text
    assert ",'=1+1" in text
    assert ",=1+1" not in text


def test_parquet_that_cannot_be_written_is_refused_with_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    reply = desk.get("retrievals", format="parquet")
    assert reply.status_code == 422
    assert "ask for csv or json" in reply.json()["detail"]
