"""``make bench``: build, race, measure, report.

Order: world (kept between runs), who may see what, ingest, cold start, queries, memory. Everything
is written under ``.bench/``; the README only if asked for. Nothing here asserts a time: figures are
for reading.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

from ingestion.embedding.weights import MINILM
from retrieval.runtime import Runtime
from tests.benchmarks import (
    cold_start,
    concurrency,
    during,
    ingest_race,
    near,
    pages,
    query_race,
    readme,
    resolution,
    run_memory,
    unchanged,
)
from tests.benchmarks.asker import token_of
from tests.benchmarks.chart import draw, draw_stages
from tests.benchmarks.directory import Size
from tests.benchmarks.engines import field
from tests.benchmarks.figures import ENOUGH_FOR_P99, Figures, MemoryFigures, RunFigures
from tests.benchmarks.growth import run as growth
from tests.benchmarks.load import built, exported, with_neighbour
from tests.benchmarks.machine import describe, sentence
from tests.benchmarks.processes import PeerProcess, Service, index_pid, resident_mb, stop_index
from tests.benchmarks.tables import sheets
from tests.benchmarks.world import (
    NEIGHBOUR,
    NEIGHBOUR_SCALE,
    TENANT,
    Scale,
    audiences,
    questions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.figures import (
        ColdFigures,
        ConcurrencyFigures,
        DuringFigures,
        EngineFigures,
        IngestFigures,
        NearFigures,
        QueryFigures,
        ResolutionFigures,
    )
    from tests.benchmarks.load import World

PARTS: Final = (
    *("resolution", "near", "during", "runs", "ingest", "cold", "query", "engines"),
    "concurrency",
)
GROWTH: Final = "growth"
"""The part that is measured only if asked for: its worlds hold 790,000 chunks."""

_WORLDLESS: Final = {"resolution", "near", "during", "runs", "ingest"}
_UNCHANGED: Final = 10_000
"""Files of a folder in which nothing changed."""
_CHART: Final = "docs/img/bench.svg"
_STAGES: Final = "img/stages.svg"
_PERFORMANCE: Final = "docs/performance.md"
_NO_PEER: Final = (
    "The comparison was skipped: chromadb is not installed (`pip install -e '.[bench]'`)."
)
_HAS_PEER: Final = importlib.util.find_spec("chromadb") is not None
_screen = Console()


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark. Returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.chunks, options.queries, options.ingest_chunks, options.box = 2_000, 12, 96, 5.0
    root = Path(options.out)
    root.mkdir(parents=True, exist_ok=True)
    if options.only and GROWTH in options.only:
        growth.measure(root, _screen, quick=options.quick, write=options.write_readme)
        options.only.remove(GROWTH)
        if not options.only:
            return 0
    if options.only and _WORLDLESS.issuperset(options.only):
        figures = _without_world(options, root)
    else:
        scale = Scale(options.chunks, options.seed)
        figures = _Bench(options, root, built(root, scale)).measured()
    _report(figures, root, options)
    return 0


def _without_world(options: argparse.Namespace, root: Path) -> Figures:
    """Without the world that is searched, which takes minutes to build."""
    return Figures(
        machine=describe(),
        parameters={"seed": options.seed},
        build={},
        ingest=_ingest(options, root) if "ingest" in options.only else None,
        cold=None,
        queries=[],
        memory=None,
        notes=[] if _HAS_PEER else [_NO_PEER],
        resolution=_resolution(options, root) if "resolution" in options.only else [],
        near=_near(options, root) if "near" in options.only else None,
        during=_during(options, root) if "during" in options.only else None,
        runs=_runs(options, root) if "runs" in options.only else [],
    )


def _resolution(options: argparse.Namespace, root: Path) -> list[ResolutionFigures]:
    size = Size(seed=options.seed)
    if options.quick:
        size = Size(users=2_000, groups=400, acls=1_000, chunks=2_000, askers=20, seed=options.seed)
    with _screen.status("who may see what, in a large directory"):
        return resolution.measure(root, size)


def _near(options: argparse.Namespace, root: Path) -> NearFigures:
    with _screen.status("near-duplicates"):
        return near.measure(root, options.chunks, options.seed)


def _during(options: argparse.Namespace, root: Path) -> DuringFigures:
    with (
        tempfile.TemporaryDirectory(prefix="during-", dir=root) as directory,
        _screen.status("questions while the index is written to and optimised"),
    ):
        return during.measure(
            Path(directory),
            points=options.chunks,
            share=0.2,
            idle_seconds=2.0 if options.quick else 10.0,
            seed=options.seed,
        )


def _runs(options: argparse.Namespace, root: Path) -> list[RunFigures]:
    files, counts = _UNCHANGED, options.listed or [10_000, 40_000]
    if options.quick:
        files, counts = 200, [200]
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="runs-", dir=root) as directory,
        _screen.status("runs over many documents"),
    ):
        _, seconds = unchanged.measure(Path(directory), files=files, seed=options.seed)
        found.append(RunFigures(files, "a folder, nothing changed", seconds, None))
    for count in counts:
        with _screen.status(f"a run over {count:,} documents"):
            found += run_memory.measure(count)
    return found


def _ingest(options: argparse.Namespace, root: Path) -> IngestFigures:
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-", dir=root))
        )
        peer = stack.enter_context(_peer(root)) if _HAS_PEER else None
        if peer is not None:
            peer.ask("load", model=str(MINILM.locate()), store=str(directory / "chroma"))
            # Once untimed: the first call of both models allocates what later ones reuse.
            warm = str(directory / "warm.npy")
            peer.ask("ingest", texts=["warm up"], first=10**9, vectors=warm)
        bar = stack.enter_context(_bar())
        task = bar.add_task("ingest, in turns", total=options.ingest_chunks)
        return ingest_race.race(
            directory,
            peer,
            chunks=options.ingest_chunks,
            seed=options.seed,
            on_progress=lambda done: bar.update(task, completed=done),
        )


@contextmanager
def _peer(root: Path) -> Iterator[PeerProcess]:
    with PeerProcess.started(root / "peer.log") as peer:
        yield peer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--chunks", type=int, default=100_000, help="size of the world that is searched")
    add("--queries", type=int, default=120, help="questions of each audience")
    add("--ingest-chunks", type=int, default=2_000, help="chunks that both ingest")
    add("--listed", type=int, action="append", help="documents of a run whose memory is looked at")
    add("--trials", type=int, default=3, help="cold starts of each kind")
    add("--box", type=float, default=60.0, help="seconds a contender may take over one audience")
    add("--seed", type=int, default=7, help="another seed is another world")
    add("--only", action="append", choices=(*PARTS, GROWTH), help="measure only this; repeat")
    add("--quick", action="store_true", help="a tiny run, to see that everything works")
    add("--out", default=".bench", help="where worlds, results and the chart are written")
    add("--write-readme", action="store_true", help="put figures and chart into README and docs")
    add("--readme", default="README.md", help="which file --write-readme changes")
    return parser


class _Bench:
    """One run: what was asked for, and where things are."""

    def __init__(self, options: argparse.Namespace, root: Path, world: World) -> None:
        self._options = options
        self._root = root
        self._world = world
        self._parts = options.only or PARTS
        self._model = str(MINILM.locate())
        self._store = str(world.directory / "chroma")

    def measured(self) -> Figures:
        """Measure every part that was asked for."""
        machine = describe()
        parts = self._parts
        questioned = _during(self._options, self._root) if "during" in parts else None
        duplicates = _near(self._options, self._root) if "near" in parts else None
        resolved = _resolution(self._options, self._root) if "resolution" in parts else []
        runs = _runs(self._options, self._root) if "runs" in parts else []
        fill_seconds = self._filled() if _HAS_PEER else None
        ingest = _ingest(self._options, self._root) if "ingest" in self._parts else None
        cold = self._cold() if "cold" in self._parts else None
        queries: list[QueryFigures] = []
        memory = None
        if "query" in self._parts:
            queries, memory = self._query()
        engines, engine_mb = self._engines() if "engines" in self._parts else ([], {})
        crowds = self._concurrency() if "concurrency" in self._parts else []
        build = dict(self._world.facts)
        if fill_seconds is not None:
            build["peer_fill_s"] = fill_seconds
        asked = ("chunks", "queries", "ingest_chunks", "trials", "box", "seed")
        return Figures(
            machine=machine,
            parameters={name: getattr(self._options, name) for name in asked},
            build=build,
            ingest=ingest,
            cold=cold,
            queries=queries,
            memory=memory,
            notes=[] if _HAS_PEER else [_NO_PEER],
            resolution=resolved,
            near=duplicates,
            during=questioned,
            runs=runs,
            engines=engines,
            engine_mb=engine_mb,
            concurrency=crowds,
        )

    def _filled(self) -> float:
        """Give the peer the same world, unless an earlier run has. Returns seconds."""
        facts = self._world.directory / "chroma.json"
        if not facts.exists():
            shutil.rmtree(self._store, ignore_errors=True)
            with _screen.status("giving the peer the same world"), _peer(self._root) as peer:
                peer.ask("load", model=self._model, store=self._store)
                answer = peer.ask("fill", export=str(self._world.export))
            facts.write_text(json.dumps(answer))
        return float(json.loads(facts.read_text())["seconds"])

    def _cold(self) -> ColdFigures:
        with _screen.status("cold starts, in turns"):
            return cold_start.measure(
                self._world,
                audiences(self._world.scale)[2],
                questions(self._world.scale, 1)[0],
                peer=(self._model, self._store) if _HAS_PEER else None,
                trials=self._options.trials,
                log=self._root / "serve.log",
            )

    def _query(self) -> tuple[list[QueryFigures], MemoryFigures]:
        options, world = self._options, self._world
        with ExitStack() as stack:
            service = stack.enter_context(Service.started(world.data_dir, self._root / "serve.log"))
            service.wait()
            peer = stack.enter_context(_peer(self._root)) if _HAS_PEER else None
            if peer is not None:
                peer.ask("load", model=self._model, store=self._store)
            runtime = stack.enter_context(Runtime.open(world.settings()))
            bar = stack.enter_context(_bar())
            task = bar.add_task("queries, in turns", total=None)
            found = query_race.race(
                query_race.Field(runtime, service, peer, exported(world)),
                world.scale,
                count=options.queries,
                box_seconds=options.box,
                on_round=lambda done, total: bar.update(task, completed=done, total=total),
            )
            memory = MemoryFigures(
                serve_mb=resident_mb(service.pid),
                index_mb=resident_mb(index_pid(world.data_dir)),
                peer_mb=resident_mb(peer.pid) if peer is not None else None,
            )
        stop_index(world.data_dir)
        return found, memory

    def _engines(self) -> tuple[list[EngineFigures], dict[str, float | None]]:
        options, world, log = self._options, self._world, self._root / "serve.log"
        with ExitStack() as stack:
            service = stack.enter_context(Service.started(world.data_dir, log))
            service.wait()
            runtime = stack.enter_context(Runtime.open(world.settings()))
            bar = stack.enter_context(_bar())
            task = bar.add_task("engines, in turns", total=None)
            found = field.measure(
                world,
                runtime,
                service,
                count=min(options.queries, ENOUGH_FOR_P99),
                box_seconds=options.box / 12,
                log=self._root / "peer.log",
                on_round=lambda done, total: bar.update(task, completed=done, total=total),
            )
        stop_index(world.data_dir)
        return found

    def _concurrency(self) -> list[ConcurrencyFigures]:
        options, world, log = self._options, self._world, self._root / "serve.log"
        with_neighbour(world)
        with Runtime.open(world.settings()) as runtime:
            tokens = (
                (TENANT, token_of(runtime, TENANT, audiences(world.scale)[2].user)),
                (NEIGHBOUR, token_of(runtime, NEIGHBOUR, audiences(NEIGHBOUR_SCALE)[0].user)),
            )
        with (
            Service.started(world.data_dir, log, environment=concurrency.ENVIRONMENT) as service,
            _screen.status("clients at once"),
        ):
            service.wait()
            pids = (service.pid, index_pid(world.data_dir))
            found = concurrency.measure(
                service, pids, tokens, seconds=2.0 if options.quick else 10.0
            )
        stop_index(world.data_dir)
        return found


def _bar() -> Progress:
    return Progress(console=_screen, transient=True, disable=not _screen.is_terminal)


def _report(figures: Figures, root: Path, options: argparse.Namespace) -> None:
    (root / "results.json").write_text(json.dumps(figures.to_dict(), indent=2) + "\n")
    for sheet in (*sheets(figures), *pages.sheets(figures)):
        _screen.print(sheet.for_terminal())
    _screen.print(*figures.notes, sentence(figures.machine), sep="\n", style="dim")
    if figures.queries:
        draw(figures, root / "bench.svg")
    _screen.print(f"written: {root / 'results.json'}", style="dim")
    if options.write_readme:
        _write(figures, Path(options.readme))


def _write(figures: Figures, path: Path) -> None:
    """Put what was measured where it is shown; a run without queries leaves the README alone."""
    project = path.parent
    page = project / pages.PAGE
    written = [f"{page}, {name}" for name in pages.write(figures, page)] if page.exists() else []
    if figures.queries:
        draw(figures, project / _CHART)
        page = project / _PERFORMANCE
        if page.exists():
            draw_stages(figures, page.parent / _STAGES)
            readme.write(page, readme.stages_block(figures, chart=_STAGES))
        readme.write(path, readme.block(figures, chart=_CHART))
        written.append(str(path))
    _screen.print(*(f"written: {name}" for name in written), sep="\n", style="dim")


if __name__ == "__main__":
    sys.exit(main())
