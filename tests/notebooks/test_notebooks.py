"""The notebooks run on any installation, show what went wrong, and are kept with their outputs."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval import quality
from retrieval.api.app import create_app
from retrieval.quality import drift_charts
from retrieval.quality.made_up import SHOWN
from retrieval.quality.synthetic import Plan, agent_digest
from retrieval.quality.synthetic_store import write
from retrieval.status import ReasonCode
from tests.notebooks.recorded import DAY, Piece, Recorded
from tests.support.installation import Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

NOTEBOOKS = sorted(Path(__file__).resolve().parents[2].joinpath("notebooks").glob("*.ipynb"))
QUALITY = next(path for path in NOTEBOOKS if path.stem == "01_citation_quality")
SERVED = [path for path in NOTEBOOKS if path.stem.startswith(("01", "02"))]
PNG = b"\x89PNG\r\n\x1a\n"
OF_A_MACHINE = re.compile(r"(?:/(?:home|root|Users|work|tmp|var|opt|usr)/|[A-Z]:\\\\)")


@pytest.fixture
def recorded(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Recorded]:
    writer = Recorded(blank_catalogue, tmp_path / "data", "bank")
    for source in ("handbook", "archive"):
        writer.source("bank", source)
    yield writer
    writer.close()


def good_week(recorded: Recorded) -> None:
    """Forty queries, of which two find nothing; both sources are fresh."""
    for number in range(38):
        source = "archive" if number % 3 == 0 else "handbook"
        piece = Piece(source=source, document=f"doc-{number}", relevance=0.6 + number / 100)
        recorded.query("bank", piece, latency_ms=20.0 + number)
    for _ in range(2):
        recorded.query("bank", reasons=[ReasonCode.LOW_RELEVANCE])


def bad_week(recorded: Recorded) -> None:
    """Fifty queries: the archive has turned stale, and two fifths of the questions find nothing."""
    for number in range(30):
        if number % 3:
            recorded.query("bank", Piece(document=f"doc-{number}"))
            continue
        old = Piece(source="archive", document=f"doc-{number}", age=5 * DAY, freshness="stale")
        recorded.query("bank", old, reasons=[ReasonCode.STALE_EVIDENCE, ReasonCode.STALE_SOURCE])
    for number in range(20):
        recorded.query("bank", reasons=[ReasonCode.LOW_RELEVANCE], query=f"gap-{number % 2}")


def execute(directory: Path, path: Path = QUALITY) -> Any:
    """A notebook, executed in a copy; an error in a cell raises."""
    copy = directory / "copy" / path.name
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, copy)
    notebook = nbformat.read(copy, as_version=4)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": copy.parent}})
    client.execute()
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def pictures(notebook: Any) -> list[bytes]:
    data = [output.get("data", {}) for output in outputs(notebook)]
    return [base64.b64decode(entry["image/png"]) for entry in data if "image/png" in entry]


def said(notebook: Any) -> str:
    return "\n".join(str(output.get("data", {}).get("text/plain")) for output in outputs(notebook))


@pytest.mark.slow
def test_the_notebook_runs_on_an_installation_and_draws_it(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good_week(recorded)
    bad_week(recorded)
    recorded.flush()
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(recorded.data_dir))
    notebook = execute(tmp_path)
    assert "Your installation: 90 queries of 1 tenant," in said(notebook)
    assert len(pictures(notebook)) >= 4
    assert all(picture.startswith(PNG) for picture in pictures(notebook))
    assert not [output for output in outputs(notebook) if output.output_type == "stream"]
    assert "gap-0" in said(notebook)
    assert "stale_source" in said(notebook)


@pytest.mark.slow
def test_the_notebook_runs_on_an_installation_that_was_never_asked(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.flush()
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(recorded.data_dir))
    assert len(pictures(execute(tmp_path))) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.stem)
def test_a_notebook_reads_a_service_with_the_rights_of_a_token(
    path: Path, blank_catalogue: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.open(blank_catalogue, tmp_path / "data") as world:
        plan = Plan(tenants=("bank",), weeks=4, queries=60)
        write(world.runtime.database, plan, audit_database=world.runtime.audit_database)
        world.know("user:ana")
        with world.change() as session:
            who = Principal.parse("user:ana")
            token = create_key(
                session, "bank", who, api_scopes=(ApiScope.ANALYST,), now=world.clock()
            ).token
        with serving(create_app(world.runtime)) as url:
            monkeypatch.setenv("CLEARANCE_URL", url)
            monkeypatch.setenv("CLEARANCE_TOKEN", token)
            notebook = execute(tmp_path, path)
    assert "Your service: " in said(notebook)
    assert len(pictures(notebook)) >= 4
    assert "user:ana" not in said(notebook)


@pytest.mark.slow
def test_the_notebook_of_the_audit_reads_a_service_with_the_rights_of_an_auditor(
    blank_catalogue: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.open(blank_catalogue, tmp_path / "data") as world:
        world.know("user:ann", "user:olga")
        shelf = {"rate.md": Shelved("The travel allowance abroad is 55 euros.", "open")}
        world.ingest(ListedSource("wiki", (acl("open", allow("user:ann")),), shelf))
        assert world.ask(caller("user:ann")).evidence
        with world.change() as session:
            who, scopes = Principal.parse("user:olga"), (ApiScope.AUDIT,)
            token = create_key(session, "bank", who, api_scopes=scopes, now=world.clock()).token
        with serving(create_app(world.runtime)) as url:
            monkeypatch.setenv("CLEARANCE_URL", url)
            monkeypatch.setenv("CLEARANCE_TOKEN", token)
            notebook = execute(tmp_path, NOTEBOOKS[2])
    assert "user:ann" in said(notebook)
    assert len(pictures(notebook)) == 4


def test_what_was_planted_is_named_in_the_titles_of_the_charts() -> None:
    records = quality.made_up()
    turn = records.turn(days=14)

    def title(chart: Any) -> str:
        return str(chart.to_dict()["title"]["text"])

    changes = title(drift_charts.changes(quality.drift(records, at=turn, resamples=300)))
    assert "source policies" in changes
    assert "generation g2" in changes
    table = quality.attribute(records, "staleness_exposure", at=turn, by="source")
    where = drift_charts.where_it_lies(table, "staleness_exposure", "source")
    assert title(where).startswith("source policies explains 100%")
    lines = drift_charts.over_time(records, "misattribution_rate", by="caller")
    drafters = {agent_digest(tenant, "drafter")[:10] for tenant in SHOWN.tenants}
    assert title(lines)[:10] in drafters
    assert title(drift_charts.calibration(records)).startswith("Relevance is off by 3")


def test_without_records_the_charts_of_change_say_so() -> None:
    records = quality.made_up().between(since=quality.made_up().turn(days=-90))
    turn = records.turn()
    changes = quality.drift(records, at=turn)
    shown = [
        drift_charts.changes(changes),
        drift_charts.over_time(records, "relevance", by="tenant"),
        drift_charts.calibration(records),
        drift_charts.where_it_lies(
            quality.attribute(records, "relevance", at=turn, by="tenant"), "relevance", "tenant"
        ),
    ]
    assert all(chart.to_dict()["title"]["subtitle"] == ["Nothing to draw."] for chart in shown)


def test_a_source_that_turned_stale_and_new_gaps_show_in_the_figures(recorded: Recorded) -> None:
    good_week(recorded)
    turn = quality.retrievals(recorded.flush(), "bank")["at"].max()
    bad_week(recorded)
    database = recorded.flush()
    rows, pieces = quality.retrievals(database, "bank"), quality.evidence(database, "bank")
    before, after = rows[rows["at"] <= turn], rows[rows["at"] > turn]
    good, bad = (
        quality.status_rates(part).set_index("status").loc["no_evidence"]
        for part in (before, after)
    )
    assert bad["low"] > good["high"], "the intervals must not overlap"
    exposed = [
        quality.staleness_exposure(part).set_index("source")["rate"].to_dict()
        for part in (pieces[pieces["at"] <= turn], pieces[pieces["at"] > turn])
    ]
    assert exposed == [{"archive": 0.0, "handbook": 0.0}, {"archive": 1.0, "handbook": 0.0}]
    assert quality.degraded_by_reason(before).empty
    assert set(quality.degraded_by_reason(after)["reason"]) == {"stale_evidence", "stale_source"}
    ages = quality.evidence_freshness(pieces[pieces["at"] > turn]).set_index("source")
    assert ages.loc["archive", "median_of_sla"] == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_has_its_outputs_and_no_errors(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs and cell.execution_count for cell in code)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert len(pictures(notebook)) >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_names_no_path_of_a_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        words = [cell.source]
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            words += [str(value) for kind, value in shown.items() if kind != "image/png"]
            words += [str(output.get("text", ""))]
        found = OF_A_MACHINE.findall("\n".join(words))
        assert not found, f"cell {cell.id}: {found}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_with_its_question_and_ends_with_what_to_do(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert "?" in cells[0].source.splitlines()[0]
    assert any("What to do" in cell.source for cell in cells[-3:])
