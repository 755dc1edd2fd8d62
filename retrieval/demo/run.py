"""``clearance demo``: sets up two tenants, shows each promise on them, and checks itself."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from acl.caller import Caller
from acl.principal import Principal
from ingestion.generations import rebuild
from retrieval.demo import show
from retrieval.demo.checks import check
from retrieval.demo.curtain import hide
from retrieval.demo.measure import measure
from retrieval.demo.proof import prove
from retrieval.demo.scenario import load
from retrieval.demo.world import apply_change, set_up
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.report import Progress as JobProgress
    from ingestion.report import RunReport
    from retrieval.demo.checks import Check
    from retrieval.demo.scenario import Scenario, Step
    from retrieval.evidence import RetrieveResponse

DEFAULT_DATA_DIR = Path(".demo")


def main(data_dir: Path = DEFAULT_DATA_DIR) -> int:
    """Run the demo. Returns 0 if every expectation holds, else 1."""
    console = show.console()
    scenario = load()
    settings = Settings(data_dir=data_dir.resolve())
    with Runtime.open(settings, on_progress=console.print) as runtime:
        _set_up(console, runtime, scenario)
        checks = _showcase(console, runtime, scenario)
        checks += _behind_the_curtain(console, runtime)
        checks += _rebuilt(console, runtime)
        checks += prove(console, runtime)
        figures = measure(runtime, scenario)
        runtime.recorder.flush()
    console.print(show.measured_table(figures))
    checks.append(("the scenario's questions reach their floors", figures.good))
    failed = [words for words, held in checks if not held]
    if failed:
        console.print(Text(f"{len(failed)} of {len(checks)} expectations failed:", "bold red"))
        for words in failed:
            console.print(Text(f"  ✗ {words}", "red"))
        return 1
    console.print(Text(f"All {len(checks)} expectations hold.", "bold green"))
    command = (
        f"clearance --data-dir {data_dir} query 'How many days may I work from Spain?' "
        "--tenant meridian --as user:ben"
    )
    console.print(Text.assemble("Ask it yourself:  ", (command, "bold")))
    return 0


def _set_up(console: Console, runtime: Runtime, scenario: Scenario) -> None:
    """Ingest what is new, with a progress bar, and say what happened."""
    started = time.perf_counter()
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, object] = {}

        def tell(name: str, progress: JobProgress) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=progress.total)
            bars.update(tasks[name], completed=progress.done)  # type: ignore[arg-type] # a TaskID

        reports = set_up(runtime, scenario, tell)
    console.print(_summary(reports, time.perf_counter() - started))


def _summary(reports: list[RunReport], seconds: float) -> Text:
    documents = sum(report.listed for report in reports)
    new = sum(report.added + report.changed + report.moved for report in reports)
    failed = sum(report.failed for report in reports)
    return Text(
        f"Two tenants, {len(reports)} sources, {documents} documents: {new} indexed now, "
        f"{documents - new - failed} unchanged, {failed} failed, in {seconds:.1f} s.\n",
        "dim",
    )


def _ask(runtime: Runtime, tenant: str, caller: str, query: str, *, name: str) -> RetrieveResponse:
    return retrieve(
        runtime,
        Caller(tenant, Principal.parse(caller)),
        RetrieveRequest(query=query),
        request_id=f"demo-{name}",
    )


def _showcase(console: Console, runtime: Runtime, scenario: Scenario) -> list[Check]:
    """Every step of the scenario; changes of rights are undone at the end, whatever happens."""
    checks: list[Check] = []
    with ExitStack() as undo:
        for step in scenario.showcase:
            checks += _step(console, runtime, scenario, step, undo)
    return checks


def _step(
    console: Console, runtime: Runtime, scenario: Scenario, step: Step, undo: ExitStack
) -> list[Check]:
    lines: list[Text] = []
    checks: list[Check] = []
    if step.before is not None:
        answer = _ask(runtime, step.tenant, step.caller, step.query, name=f"{step.step}-before")
        lines += show.answer_lines(f"before, {step.caller}", step.query, answer)
        outcome = check(scenario, step.tenant, step.before, answer)
        checks += [(f"before: {words}", held) for words, held in outcome]
    if step.change is not None:
        undo.callback(apply_change(runtime, step.tenant, step.change))
    answer = _ask(runtime, step.tenant, step.caller, step.query, name=step.step)
    lines += show.answer_lines(f"{step.tenant}, {step.caller}", step.query, answer)
    checks += check(scenario, step.tenant, step, answer)
    console.print(show.panel(step.step, step.promise, lines, checks))
    return [(f"{step.step}: {words}", held) for words, held in checks]


def _behind_the_curtain(console: Console, runtime: Runtime) -> list[Check]:
    """Promise 3: forty documents the asker cannot see come and go; not one byte moves."""
    tenant, asker, query = "meridian", "user:ben", "How many days may I work from Spain?"
    instant = runtime.clock()
    clock, runtime.clock = runtime.clock, lambda: instant
    try:
        before = _ask(runtime, tenant, asker, query, name="curtain").model_dump_json()
        runtime.clock = clock
        hide(runtime, tenant, text=query, reader="user:henrik", copies=40)
        runtime.clock = lambda: instant
        during = _ask(runtime, tenant, asker, query, name="curtain").model_dump_json()
        runtime.clock = clock
        hide(runtime, tenant, text=query, reader="user:henrik", copies=0)
        runtime.clock = lambda: instant
        after = _ask(runtime, tenant, asker, query, name="curtain").model_dump_json()
    finally:
        runtime.clock = clock
    checks = [
        ("there is an answer to compare", '"chunk_id"' in before),
        ("identical bytes while 40 hidden documents exist", before == during),
        ("identical bytes after they are gone", before == after),
    ]
    lines = [Text.assemble((f"{tenant}, {asker}", "bold"), (": ", "dim"), (query, "italic"))]
    lines.append(Text(f"  → {len(before.encode())} bytes, three times", "dim"))
    promise = (
        "What one may not see cannot be felt: scores, order, counts and digests stay the same."
    )
    console.print(show.panel("two-worlds", promise, lines, checks))
    return checks


def _without_cursor(response: RetrieveResponse) -> str:
    """An answer's bytes but for its cursor, which pages on in one generation of the index only."""
    return response.model_dump_json(exclude={"next_cursor"})


def _rebuilt(console: Console, runtime: Runtime) -> list[Check]:
    """Promise 7: the index is built again from the catalogue alone; the answer is the same."""
    tenant, asker, query = "meridian", "user:ben", "How many days may I work from Spain?"
    stranger = _ask(runtime, tenant, "user:nobody-knows-me", query, name="stranger")
    instant = runtime.clock()
    clock, runtime.clock = runtime.clock, lambda: instant
    try:
        before = _without_cursor(_ask(runtime, tenant, asker, query, name="rebuilt"))
        started = time.perf_counter()
        rebuild(runtime.ingest_context())
        seconds = time.perf_counter() - started
        after = _without_cursor(_ask(runtime, tenant, asker, query, name="rebuilt"))
    finally:
        runtime.clock = clock
    lines = show.answer_lines("meridian, user:nobody-knows-me", query, stranger)
    checks = [("nobody gets anything by default", not stranger.evidence)]
    console.print(show.panel("default-deny", "Whoever is not known sees nothing.", lines, checks))
    same = [("the same answer, byte for byte", before == after)]
    lines = [Text(f"  index rebuilt in {seconds:.1f} s from the catalogue alone", "dim")]
    promise = "The index can be lost; what was acknowledged cannot."
    console.print(show.panel("rebuilt", promise, lines, same))
    return [*checks, *same]
