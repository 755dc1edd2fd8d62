"""Operations as operators see them: each is timed, counted and traced in one place.

Every surface runs retrieve, get_evidence and verify through here. What is counted of an answer is
how it stands; what must never be handed on from here is what it says or to whom.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from retrieval import metrics, tracing
from retrieval.tracing import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from retrieval.evidence import Evidence, EvidenceResponse, RetrieveResponse
    from retrieval.verify import VerifyResponse

_STAGES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "embed": (names.EMBEDDINGS, {names.OPERATION: names.EMBEDDINGS}),
    "search": ("search", {names.DATABASE: "qdrant", names.DATABASE_OPERATION: "search"}),
}
"""Stages for which OpenTelemetry has a convention: the name of the span, and its attributes."""


def retrieval(surface: str, limit: int, work: Callable[[], RetrieveResponse]) -> RetrieveResponse:
    """The answer that ``work`` makes.

    Args:
        surface: where it was asked.
        limit: how many pieces were asked for.
        work: makes the answer; what it raises is raised.
    """
    asked: dict[str, str | int] = {
        names.OPERATION: names.RETRIEVAL,
        names.PROVIDER: names.TRACER,
        names.SURFACE: surface,
        names.TOP_K: limit,
    }
    with tracing.span(names.RETRIEVAL, asked) as span:
        started = time.perf_counter()
        response = work()
        seconds = time.perf_counter() - started
        reasons = sorted({reason.code.value for reason in response.reasons})
        span.set(names.STATUS, response.status.value)
        span.set(names.ACTION, response.action.value)
        span.set(names.REASONS, reasons)
        span.set(names.PIECES, len(response.evidence))
        span.set(names.TOKENS, response.usage.evidence_tokens)
        span.set(names.MODE, response.search.mode)
        span.set(names.EXACTNESS, response.search.exactness)
    counting = metrics.current()
    counting.answer(
        surface=surface,
        status=response.status.value,
        seconds=seconds,
        action=response.action.value,
        reasons=reasons,
    )
    counting.evidence_tokens(response.usage.evidence_tokens)
    _served(response.evidence)
    return response


def evidence(surface: str, work: Callable[[], EvidenceResponse]) -> EvidenceResponse:
    """The piece that ``work`` finds; what it raises is raised."""
    with tracing.span(names.EVIDENCE, {names.SURFACE: surface}):
        response = work()
    _served((response.evidence,))
    return response


def check(surface: str, work: Callable[[], VerifyResponse]) -> VerifyResponse:
    """The check of claims that ``work`` makes; what it raises is raised."""
    with tracing.span(names.VERIFY, {names.SURFACE: surface}) as span:
        started = time.perf_counter()
        response = work()
        seconds = time.perf_counter() - started
        verdicts = [claim.verdict.value for claim in response.claims]
        span.set(names.MODEL, response.model)
        span.set(names.CLAIMS, len(verdicts))
        span.set(names.SUPPORTED, verdicts.count("supported"))
    metrics.current().check(
        surface=surface,
        seconds=seconds,
        verdicts=verdicts,
        reasons=[reason for claim in response.claims for reason in claim.reasons],
        results=[cited.result for claim in response.claims for cited in claim.citations],
    )
    return response


def stage(operation: str, name: str, *, seconds: float) -> None:
    """Note a stage that has just ended."""
    metrics.current().stage(operation=operation, stage=name, seconds=seconds)
    called, attributes = _STAGES.get(name, (name, {}))
    tracing.stage(called, seconds=seconds, attributes=attributes)


def _served(pieces: Iterable[Evidence]) -> None:
    counting = metrics.current()
    for piece in pieces:
        counting.evidence(
            verdict=piece.trust.verdict,
            findings=[(found.kind, found.severity) for found in piece.trust.findings],
        )
