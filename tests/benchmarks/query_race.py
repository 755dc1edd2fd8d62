"""Asking every contender the same questions for the same people, in turns.

One round is one question of one audience: every contender answers it before the next round begins,
and who comes first rotates, so that whatever else the machine does hits all alike. A contender
that has used up its time box before an audience leaves the race there, and its count says so.
What never lives here: starting processes, or saying what is good.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ingestion.active import current_generation
from ingestion.index.port import SearchRequest
from tests.benchmarks.asker import LIMIT, Asker, ask_over_http, asker_of, in_turn
from tests.benchmarks.figures import Answer, Contender, QueryFigures, mean, percentiles
from tests.benchmarks.world import audiences, questions

if TYPE_CHECKING:
    from ingestion.embedding.port import Vector
    from retrieval.runtime import Runtime
    from tests.benchmarks.load import Exported
    from tests.benchmarks.processes import PeerProcess, Service
    from tests.benchmarks.world import Scale

_WARM_UP: Final = 3
_SETTLE_SECONDS: Final = 0.02  # Threads of whoever answered before may still spin for work.

OnRound = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Field:
    """Who takes part: the service, perhaps a peer, and the installation to check answers with."""

    runtime: Runtime
    service: Service
    peer: PeerProcess | None
    world: Exported

    @property
    def contenders(self) -> list[Contender]:
        """Those that are here."""
        return list(Contender) if self.peer is not None else [Contender.CLEARANCE]


def race(
    field: Field, scale: Scale, *, count: int, box_seconds: float, on_round: OnRound
) -> list[QueryFigures]:
    """Ask ``count`` questions for every audience.

    Args:
        field: who takes part.
        scale: of the world they hold.
        count: how many questions.
        box_seconds: how long one contender may take over one audience, all in all.
        on_round: told the number of this round and of all.
    """
    asked = questions(scale, count + _WARM_UP)
    vectors = {question: field.runtime.embedder.embed_query(question) for question in asked}
    figures = []
    for place, audience in enumerate(audiences(scale)):
        asker = asker_of(field.runtime, field.world, audience)
        for question in asked[:_WARM_UP]:
            for contender in field.contenders:
                _ask(field, contender, asker, question, vectors[question])
        answers: dict[Contender, list[Answer]] = defaultdict(list)
        for number, question in enumerate(asked[_WARM_UP:]):
            on_round(place * count + number, len(audiences(scale)) * count)
            for contender in in_turn(field.contenders, number):
                spent = sum(answer.ms for answer in answers[contender]) / 1000
                if spent < box_seconds:
                    answers[contender].append(
                        _ask(field, contender, asker, question, vectors[question])
                    )
        for contender in field.contenders:
            measured = _figures(contender, asker, answers[contender])
            if contender is Contender.CLEARANCE:
                measured = _looked_into(field, asker, vectors, measured)
            figures.append(measured)
    return figures


def _ask(field: Field, contender: Contender, asker: Asker, question: str, vector: Vector) -> Answer:
    time.sleep(_SETTLE_SECONDS)
    if contender is Contender.CLEARANCE:
        return ask_over_http(field.service, asker.token, question)
    if field.peer is None:
        raise RuntimeError("there is no peer")
    do = "where" if contender is Contender.WHERE else "post"
    given = field.peer.ask(do, text=question, acls=asker.scope.sorted_ids)
    ids = given["ids"]
    return Answer(given["seconds"] * 1000, len(ids[:LIMIT]), asker.truth.recall(vector, ids))


def _figures(contender: Contender, asker: Asker, answers: list[Answer]) -> QueryFigures:
    p50, p99 = percentiles([answer.ms for answer in answers])
    return QueryFigures(
        contender=contender,
        audience=asker.audience.label,
        share=asker.audience.share,
        visible=asker.truth.visible,
        acls=len(asker.scope.acl_ids),
        asked=len(answers),
        p50_ms=p50,
        p99_ms=p99,
        results=mean([float(answer.results) for answer in answers]) or 0.0,
        recall=mean([answer.recall for answer in answers if answer.recall is not None]),
        stages_ms={
            stage: percentiles([answer.stages[stage] for answer in answers])[0]
            for stage in answers[0].stages
        },
    )


def _looked_into(
    field: Field, asker: Asker, vectors: Mapping[str, Vector], measured: QueryFigures
) -> QueryFigures:
    """Recall of the service's dense ranking, which an answer does not tell.

    Asked untimed of the same index process, under the same scope, as the service asks it. The
    answer itself is fused with the lexical ranking, which no peer has.
    """
    runtime = field.runtime
    generation = current_generation(runtime.database)
    if generation is None:
        raise RuntimeError("the world holds no generation")
    index = runtime.index(generation.id)
    exact = asker.live <= runtime.settings.exact_limit
    recalls = []
    for vector in vectors.values():
        request = SearchRequest(
            dense=vector, sparse=None, limit=runtime.settings.candidates, exact=exact
        )
        found = [hit.id for hit in index.search(asker.scope, request).dense]
        recalls.append(asker.truth.recall(vector, found))
    known = [recall for recall in recalls if recall is not None]
    return replace(measured, recall=mean(known), exact=exact)
