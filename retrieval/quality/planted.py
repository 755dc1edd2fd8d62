"""Regressions that can be planted into a synthetic history, to see whether they are found.

Each says what goes wrong, from when on. What it changes is decided in
:mod:`retrieval.quality.synthetic`; what never lives here: anything a real record is made with.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong."""

    STALE_SOURCE = "stale_source"
    """A source is no longer brought up to date: its evidence grows old, its answers degrade."""

    WORSE_MODEL = "worse_model"
    """A new build of the index finds less: relevance falls, more questions find nothing."""

    MISATTRIBUTING_AGENT = "misattributing_agent"
    """An agent cites the wrong piece: quotes stand elsewhere than it says."""

    INJECTED_SOURCE = "injected_source"
    """Instructions appear in the documents of a source, and are flagged."""

    SLOW_TENANT = "slow_tenant"
    """The queries of one tenant take three times as long."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One regression.

    Attributes:
        fault: what goes wrong.
        where: the name of the source, generation, agent or tenant that it goes wrong with.
        week: from which week on, counted from 0.
    """

    fault: Fault
    where: str
    week: int
