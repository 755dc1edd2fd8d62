"""The search alone, from a vector to ids: every engine the same questions, for the same people.

Everybody is handed the question's vector and the ids of the visible ACLs. Clearance takes part
three times: its index process asked for the ranking by meaning alone, which is what the others do;
asked for both rankings; and the whole answer over HTTP, from the text of the question. As in the
race of whole answers, contenders take turns and leave once their time box is spent. What never
lives here: what an engine does.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ingestion.index.lexical import encode_query
from ingestion.index.port import SearchRequest
from tests.benchmarks.asker import LIMIT, Asker, ask_over_http, asker_of, in_turn
from tests.benchmarks.figures import Answer, EngineFigures, mean, percentiles
from tests.benchmarks.processes import PeerProcess
from tests.benchmarks.world import audiences, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingestion.embedding.port import Vector
    from ingestion.index.port import VectorIndex
    from retrieval.runtime import Runtime
    from tests.benchmarks.load import Exported
    from tests.benchmarks.processes import Service
    from tests.benchmarks.world import Scale

_WARM_UP: Final = 3
_SETTLE_SECONDS: Final = 0.01  # Threads of whoever answered before may still spin for work.


class Contender(Protocol):
    """Whoever answers a question that is given as text and as a vector."""

    engine: str
    mode: str

    def ask(self, asker: Asker, question: str, vector: Vector) -> Answer:
        """One timed search."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One way of filtering in one engine."""

    engine: str
    mode: str
    process: PeerProcess

    def ask(self, asker: Asker, question: str, vector: Vector) -> Answer:
        """Timed inside its process."""
        del question
        told = self.process.ask(
            "search", mode=self.mode, vector=vector.tolist(), acls=asker.scope.sorted_ids
        )
        return _answer(told["seconds"], asker, vector, told["ids"])


@dataclass(frozen=True, slots=True)
class IndexProcess:
    """Clearance's index process, called as the service calls it."""

    index: VectorIndex
    candidates: int
    exact_limit: int
    words: bool
    engine: str = "Clearance"

    @property
    def mode(self) -> str:
        """What is asked for."""
        return "index, meaning and words" if self.words else "index, meaning alone"

    def ask(self, asker: Asker, question: str, vector: Vector) -> Answer:
        """Timed here: the socket between the processes is part of it."""
        started = time.perf_counter()
        request = SearchRequest(
            dense=vector,
            sparse=encode_query(question) if self.words else None,
            limit=self.candidates,
            exact=asker.live <= self.exact_limit,
        )
        found = self.index.search(asker.scope, request)
        seconds = time.perf_counter() - started
        return _answer(seconds, asker, vector, [hit.id for hit in found.dense])


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """Clearance from the text of the question to cited evidence, over HTTP."""

    service: Service
    engine: str = "Clearance"
    mode: str = "whole answer over HTTP"

    def ask(self, asker: Asker, question: str, vector: Vector) -> Answer:
        """Recall is that of the ranking; the answer is fused with words and does not tell it."""
        del vector
        return ask_over_http(self.service, asker.token, question)


@contextmanager
def engine_process(name: str, world: Path, log: Path) -> Iterator[PeerProcess]:
    """An engine that holds the world, in a process of its own, closed in order at the end."""
    module = "tests.benchmarks.engines.process"
    with PeerProcess.started(log, module=module, name=name) as process:
        try:
            process.ask("open", world=str(world.resolve()))
            yield process
        finally:
            process.ask("close")


def race(
    runtime: Runtime,
    world: Exported,
    scale: Scale,
    contenders: list[Contender],
    *,
    count: int,
    box_seconds: float,
    on_round: Callable[[int, int], None],
) -> list[EngineFigures]:
    """Ask ``count`` questions for every audience.

    Args:
        runtime: resolves who may see what, makes vectors and keys.
        world: to know the truth.
        scale: of the world.
        contenders: who takes part.
        count: how many questions.
        box_seconds: how long one contender may take over one audience, all in all.
        on_round: told the number of this round and of all.
    """
    asked = questions(scale, count + _WARM_UP)
    vectors = {question: runtime.embedder.embed_query(question) for question in asked}
    people = audiences(scale)
    found = []
    for place, audience in enumerate(people):
        asker = asker_of(runtime, world, audience)
        answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for number, question in enumerate(asked):
            on_round(place * len(asked) + number, len(people) * len(asked))
            for one in in_turn(contenders, number):
                own = answers[one.engine, one.mode]
                if sum(answer.ms for answer in own) < 1_000 * box_seconds:
                    time.sleep(_SETTLE_SECONDS)
                    own.append(one.ask(asker, question, vectors[question]))
                if number == _WARM_UP - 1:
                    own.clear()
        found += [_figures(one, asker, answers[one.engine, one.mode]) for one in contenders]
    return found


def _answer(seconds: float, asker: Asker, vector: Vector, ids: list[str]) -> Answer:
    return Answer(1_000 * seconds, len(ids[:LIMIT]), asker.truth.recall(vector, ids))


def _figures(contender: Contender, asker: Asker, answers: list[Answer]) -> EngineFigures:
    p50, p99 = percentiles([answer.ms for answer in answers])
    return EngineFigures(
        engine=contender.engine,
        mode=contender.mode,
        audience=asker.audience.label,
        share=asker.audience.share,
        visible=asker.truth.visible,
        acls=len(asker.scope.acl_ids),
        asked=len(answers),
        p50_ms=p50,
        p99_ms=p99,
        results=mean([float(answer.results) for answer in answers]) or 0.0,
        recall=mean([answer.recall for answer in answers if answer.recall is not None]),
    )
