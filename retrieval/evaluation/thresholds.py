"""How far a candidate may fall behind the baseline, figure by figure, and why so far.

The one place for it. To be stricter or laxer in one project, change it here, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Limit(StrEnum):
    """How a figure is held against the baseline."""

    AT_MOST = "at most"
    """By itself, whatever the baseline has."""

    FALLS_BY = "falls by at most"
    RISES_BY = "rises by at most"
    GROWS_TO = "grows to at most (times)"


@dataclass(frozen=True, slots=True)
class Rule:
    """The threshold of one figure."""

    figure: str
    limit: Limit
    by: float
    reason: str


RULES: Final = (
    Rule(
        "ndcg@10",
        Limit.FALLS_BY,
        0.01,
        "A hundredth is what readers begin to notice, and above the noise of ties.",
    ),
    Rule("recall@10", Limit.FALLS_BY, 0.01, "What is not found cannot be cited."),
    Rule(
        "leaked", Limit.AT_MOST, 0, "One document shown to whoever may not see it is an incident."
    ),
    Rule(
        "two_world_differences",
        Limit.AT_MOST,
        0,
        "Documents that somebody cannot see must not change what they get, in any byte.",
    ),
    Rule(
        "stale_unsaid",
        Limit.AT_MOST,
        0,
        "Evidence older than its source allows must say so: agents are told to rely on it.",
    ),
    Rule(
        "citations_told",
        Limit.FALLS_BY,
        0.0,
        "The cases are made by rule (quoted, altered, misplaced, absent): none may be lost.",
    ),
    Rule(
        "latency",
        Limit.GROWS_TO,
        2.0,
        "Machines differ by less once measured in a yardstick of their own; twice is no noise.",
    ),
    Rule("injection_recall", Limit.FALLS_BY, 0.02, "Within two points the labels are noise."),
    Rule(
        "injection_false_alarms",
        Limit.RISES_BY,
        0.02,
        "Alarms that are mostly false are switched off by those who get them.",
    ),
    Rule("support_accuracy", Limit.FALLS_BY, 0.02, "Within two points the labels are noise."),
)
