"""Asking several estates the same questions in turns, so that noise hits all alike.

What never lives here: what the estates hold.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.asker import LIMIT, in_turn, token_of
from tests.benchmarks.growth.figures import EstateFigures, LaneFigures
from tests.benchmarks.growth.plots import TENANT
from tests.benchmarks.processes import RefusedError, Service, index_pid, resident_mb, stop_index
from tests.benchmarks.texts import Prose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.growth.plots import Asker, Estate

_ENVIRONMENT: Final = {"CLEARANCE_MAX_VISIBLE_ACLS": "30000"}
_WARM_UP: Final = 3
_SETTLE_SECONDS: Final = 0.01


@dataclass(slots=True)
class Open:
    """An estate that answers: its service, and a key of each asker by how it is called."""

    estate: Estate
    data_dir: Path
    service: Service
    tokens: dict[str, str]

    def footprint(self) -> EstateFigures:
        """What it takes by now, and what writing it took."""
        data = self.data_dir
        index = sum(map(_mb, data.glob("index/**/*")))
        return EstateFigures(
            name=self.estate.name,
            chunks=self.estate.chunks,
            tenants=self.estate.tenants,
            acls=sum(plot.acls for plot in self.estate.plots),
            serve_mb=resident_mb(self.service.pid),
            index_mb=resident_mb(index_pid(data)),
            catalogue_disk_mb=round(sum(map(_mb, data.rglob("*"))) - index, 1),
            index_disk_mb=round(index, 1),
        )


@dataclass(slots=True)
class Lane:
    """One asker in one estate, on one axis of growth; and what was answered so far."""

    axis: str
    at: Open
    asker: Asker
    first_ms: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)
    exact: bool = True
    failed: int = 0

    def ask(self, question: str) -> list[tuple[str, float]]:
        """One question; tells which evidence came back, and how it was scored.

        A refusal is counted, and nothing comes back.
        """
        body: dict[str, Any] = {"query": question, "limit": LIMIT, "min_relevance": 0}
        body["include"] = ["timings", "scores"]
        self.at.service.dial()
        started = time.perf_counter()
        try:
            answer = self.at.service.ask(self.at.tokens[self.asker.user], body)
        except RefusedError:
            self.failed += 1
            return []
        elapsed = 1_000 * (time.perf_counter() - started)
        stages = answer["timings_ms"]
        stages["around"] = elapsed - sum(stages.values())
        self.first_ms = self.first_ms or elapsed
        self.milliseconds.append(elapsed)
        self.stages.append(stages)
        self.exact = answer["search"]["exactness"] == "exact"
        return [(piece["chunk_id"], piece["relevance"]) for piece in answer["evidence"]]

    def figures(self) -> LaneFigures:
        """Of everything after the first questions.

        Raises:
            ValueError: nothing was answered.
        """
        if len(self.milliseconds) <= _WARM_UP:
            raise ValueError(f"{self.axis}: {self.asker.user} was refused {self.failed} times")
        p10, p50, p90 = np.percentile(self.milliseconds[_WARM_UP:], (10, 50, 90))
        stages = self.stages[_WARM_UP:]
        return LaneFigures(
            axis=self.axis,
            chunks=self.at.estate.chunks,
            tenants=self.at.estate.tenants,
            visible=self.asker.visible,
            acls=self.asker.acls,
            exact=self.exact,
            asked=len(stages),
            failed=self.failed,
            first_ms=self.first_ms,
            p10_ms=float(p10),
            p50_ms=float(p50),
            p90_ms=float(p90),
            stages_ms={
                stage: float(np.median([one[stage] for one in stages])) for stage in stages[0]
            },
        )


@contextmanager
def opened(estate: Estate, data_dir: Path, log: Path) -> Iterator[Open]:
    """Start the service of an estate, with a key for everybody who asks; end both at the exit."""
    with Runtime.open(Settings(data_dir=data_dir)) as runtime:
        tokens = {asker.user: token_of(runtime, TENANT, asker.user) for asker in estate.askers}
    with Service.started(data_dir, log, environment=_ENVIRONMENT) as service:
        service.wait()
        yield Open(estate, data_dir, service, tokens)
    stop_index(data_dir)


def ask_in_turns(lanes: list[Lane], count: int, *, seed: int) -> list[list[list[Any]]]:
    """Ask every lane ``count`` questions after some to warm up.

    Returns:
        For every question the evidence of each lane, in the order of ``lanes``.
    """
    told = []
    for number in range(count + _WARM_UP):
        question = Prose.seeded(seed, "growth", number).question()
        answers: dict[int, list[Any]] = {}
        for place in in_turn(list(range(len(lanes))), number):
            time.sleep(_SETTLE_SECONDS)
            answers[place] = lanes[place].ask(question)
        told.append([answers[place] for place in range(len(lanes))])
    return told


def _mb(path: Path) -> float:
    return path.stat().st_blocks * 512 / 1e6 if path.is_file() else 0.0  # files may have holes
