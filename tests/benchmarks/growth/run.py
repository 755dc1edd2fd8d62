"""``python -m tests.benchmarks --only growth``: what a question costs as a world grows.

Three corpora under one view and under growing views, all asked in turns; then one view under more
and more ACLs; then one tenant beside more and more others. Worlds are kept between runs. What never
lives here: tables, charts.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import ingest_race
from tests.benchmarks.growth import pages
from tests.benchmarks.growth.figures import GrowthFigures
from tests.benchmarks.growth.filling import filled
from tests.benchmarks.growth.lanes import Lane, ask_in_turns, opened
from tests.benchmarks.growth.plots import FIXED, corpus, many_acls, many_tenants
from tests.benchmarks.machine import describe, sentence

if TYPE_CHECKING:
    from rich.console import Console

    from tests.benchmarks.growth.figures import EstateFigures, LaneFigures
    from tests.benchmarks.growth.plots import Estate

CORPUS: Final = "corpus"
VISIBLE: Final = "visible"
ACLS: Final = "acls"
TENANTS: Final = "tenants"

STORED: Final = Path(__file__).with_name("measured.json")
"""The last run that was put into the docs; the scale model rests on it."""

_SEED: Final = 7
_CORPORA: Final = (10_000, 100_000, 500_000)
_TENANTS: Final = (1, 50, 500, 2_000)
_QUESTIONS: Final = 40
_QUICK: Final = 20  # divides everything


def measure(root: Path, screen: Console, *, quick: bool, write: bool) -> GrowthFigures:
    """Build what is missing, measure, say.

    Args:
        root: where worlds are kept.
        screen: where to say it.
        quick: a twentieth of everything, to see that it works.
        write: whether to put figures and charts into the docs and keep them.
    """
    shrink, count = (_QUICK, 5) if quick else (1, _QUESTIONS)
    corpora = [corpus(chunks, shrink=shrink) for chunks in _CORPORA]
    others = [many_acls(shrink=shrink)]
    tenants = [many_tenants(number, shrink=shrink) for number in _TENANTS]
    for estate in (*corpora, *others, *tenants):
        with screen.status(f"writing {estate.name}: {estate.chunks:,} chunks"):
            filled(root, estate)
    machine = describe()
    lanes: list[Lane] = []
    footprints: list[EstateFigures] = []
    told: list[list[object]] = []
    groups = ((corpora, (CORPUS, VISIBLE)), (others, (ACLS,)), (tenants, (TENANTS,)))
    for estates, axes in groups:
        with screen.status(f"asking {', '.join(estate.name for estate in estates)}"):
            asked, answers, taken = _asked(root, estates, axes, FIXED // shrink, count)
        lanes += asked
        footprints += taken
        told = told or [_of(axes[0], asked, row) for row in answers]
    with screen.status("ingest, with the model"), tempfile.TemporaryDirectory(dir=root) as place:
        ingest = ingest_race.race(
            Path(place), None, chunks=10 * count, seed=_SEED, on_progress=lambda _: None
        )
    found = GrowthFigures(
        machine=machine,
        lanes=_with_shared([lane.figures() for lane in lanes]),
        estates=footprints,
        same=sum(all(answer == row[0] for answer in row) for row in told),
        compared=len(told),
        ingest_per_s=ingest.chunks / ingest.clearance_s,
    )
    found.save(root / "growth.json")
    for sheet in pages.sheets(found):
        screen.print(sheet.for_terminal())
    screen.print(sentence(machine), f"written: {root / 'growth.json'}", sep="\n", style="dim")
    if write:
        found.save(STORED)
        pages.write(found, Path("docs"))
    return found


def _asked(
    root: Path, estates: list[Estate], axes: tuple[str, ...], fixed: int, count: int
) -> tuple[list[Lane], list[list[object]], list[EstateFigures]]:
    """Open these estates together and ask in turns: lanes, answers, footprints."""
    with ExitStack() as stack:
        opens = [
            stack.enter_context(opened(estate, filled(root, estate), root / "serve.log"))
            for estate in estates
        ]
        lanes = []
        for axis in axes:
            # Nobody asks twice: a service remembers what it was asked by whom.
            lanes += [
                Lane(axis, one, asker)
                for one in opens
                for asker in one.estate.askers
                if axis == ACLS or (axis == VISIBLE) != (asker.visible == fixed)
            ]
        answers = ask_in_turns(lanes, count, seed=_SEED)
        return lanes, answers, [one.footprint() for one in opens]


def _of(axis: str, lanes: list[Lane], answers: list[object]) -> list[object]:
    return [answer for lane, answer in zip(lanes, answers, strict=True) if lane.axis == axis]


def _with_shared(lanes: list[LaneFigures]) -> list[LaneFigures]:
    """The fixed view of each corpus stands on the axis of views as well."""
    shared = [replace(lane, axis=VISIBLE) for lane in lanes if lane.axis == CORPUS]
    others = [lane for lane in lanes if lane.axis != VISIBLE]
    views = [lane for lane in lanes if lane.axis == VISIBLE] + shared
    return others + sorted(views, key=lambda lane: (lane.chunks, lane.visible))
