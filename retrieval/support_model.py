"""Which judge of support an installation has, and how it is loaded.

What must never live here: an import of a runtime before somebody asks for the trained judge.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from retrieval.resilience.guard import Guard
    from verifier.support_model import Chances, SupportModel


class SupportChoice(StrEnum):
    """Who judges support, besides the rules, which always do."""

    RULES = "rules"
    MINILM = "minilm"


def choice_for(embedder: str) -> SupportChoice:
    """The choice of an operator who made none: an installation without models stays without.

    Args:
        embedder: the specification of the embedder.
    """
    return SupportChoice.RULES if embedder.startswith("hash:") else SupportChoice.MINILM


def load_support_model(choice: SupportChoice, *, threads: int | None = None) -> SupportModel | None:
    """Load a judge; None if the rules judge alone.

    Args:
        choice: which.
        threads: processor threads of one check; by default as many as this process may run on.

    Raises:
        verifier.errors.SupportModelError: its weights are not those that were reviewed.
        ingestion.errors.EmbeddingError: those below them are not, or the runtime refuses them.
    """
    if choice is SupportChoice.RULES:
        return None
    from ingestion.embedding.pair_encoder import PairEncoder  # noqa: PLC0415 - loads a runtime
    from verifier.support_model import SupportWeights, TrainedSupport  # noqa: PLC0415 - the same

    weights = SupportWeights.shipped()
    encoder = PairEncoder(
        weights.graph,
        trained=weights.trained,
        frozen=weights.frozen,
        threads=threads or len(os.sched_getaffinity(0)),
    )
    return TrainedSupport(weights, encoder)


class _Guarded:
    """A judge that is asked through a guard."""

    def __init__(self, model: SupportModel, guard: Guard) -> None:
        self._model = model
        self._guard = guard

    @property
    def name(self) -> str:
        """The judge's own."""
        return self._model.name

    def chances(self, claim: str, excerpt: str) -> Chances:
        """What it says, if it says so in time."""
        return self._guard.call(lambda: self._model.chances(claim, excerpt))


def guarded(guard: Guard, load: Callable[[], SupportModel | None]) -> SupportModel | None:
    """The judge that ``load`` gives, asked through ``guard``, as is the loading.

    Raises:
        verifier.errors.SupportModelError, ingestion.errors.EmbeddingError: it cannot be had.
    """
    model = guard.call(load)
    return None if model is None else _Guarded(model, guard)
