"""What is watched: each figure as a ratio, with what moves it and what it cannot tell.

Every figure is a sum over a sum of *units* (a query, a source in a query, a check of claims), so
that one way of resampling and one way of attributing serve all of them. The words beside each are
printed in ``docs/quality.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Unit(StrEnum):
    """What is drawn when a period is resampled: records that came about independently."""

    QUERY = "query"
    CITED_SOURCE = "source cited in a query"
    CHECK = "check"


class Worse(StrEnum):
    """Which direction is the bad one."""

    UP = "up"
    DOWN = "down"


DIMENSIONS: Final[Mapping[Unit, Sequence[str]]] = {
    Unit.QUERY: ("source", "generation", "tenant", "group", "caller"),
    Unit.CITED_SOURCE: ("source", "generation", "tenant", "group"),
    Unit.CHECK: ("caller", "model", "source", "generation", "tenant"),
}
"""What a change of a figure can be put down to."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure.

    Attributes:
        name: by which it is asked for.
        unit: what is counted and resampled.
        top: column of the units that is summed above the line.
        bottom: column that is summed below it.
        worse: the bad direction.
        means: what it is.
        moves: what makes it change.
        cannot: what it does not tell.
        after: the publication whose definition it follows, if any.
    """

    name: str
    unit: Unit
    top: str
    bottom: str
    worse: Worse
    means: str
    moves: str
    cannot: str
    after: str = ""


_ALCE: Final = (
    "T. Gao, H. Yen, J. Yu and D. Chen, “Enabling large language models to generate text with "
    "citations”, EMNLP 2023; N. F. Liu, T. Zhang and P. Liang, “Evaluating verifiability in "
    "generative search engines”, Findings of EMNLP 2023"
)

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            "no_evidence_rate",
            Unit.QUERY,
            "no_evidence",
            "queries",
            Worse.UP,
            "Queries that got no evidence, of all queries.",
            "Documents that are missing or that askers may not see; a new kind of question; a "
            "build of the index that finds less; the relevance threshold.",
            "Whether there should have been an answer: an honest no is no fault.",
        ),
        Metric(
            "degraded_rate",
            Unit.QUERY,
            "degraded",
            "queries",
            Worse.UP,
            "Queries answered with a caveat, of all queries.",
            "Sources that fall behind, conflicts, injected instructions, an index or embedder that "
            "was away.",
            "How grave the caveat was: the reasons tell.",
        ),
        Metric(
            "relevance",
            Unit.QUERY,
            "relevance",
            "with_candidate",
            Worse.DOWN,
            "Mean relevance of the best candidate, of queries that had one.",
            "The embedder and the index's build; how well documents fit what is asked.",
            "Whether the answer was right: a piece may bear on a question and be wrong.",
        ),
        Metric(
            "conflict_rate",
            Unit.QUERY,
            "conflicts",
            "answered",
            Worse.UP,
            "Answers whose evidence disagrees with itself, of all answers with evidence.",
            "A document changed in one place and not in another; a source that was added.",
            "Which side is right.",
        ),
        Metric(
            "duplicate_ratio",
            Unit.QUERY,
            "duplicates",
            "candidates",
            Worse.UP,
            "Candidates shown as one with another, of all that would have been shown.",
            "The same text under several names; a source copied into another.",
            "Whether the copies agree about who may see them: they are compared under one ACL.",
        ),
        Metric(
            "slow_share",
            Unit.QUERY,
            "slow",
            "queries",
            Worse.UP,
            "Queries slower than 95 % of the first period were, of all queries: 5 % if nothing "
            "changed.",
            "Load, hardware, a larger index, more visible ACLs, an embedder or store that is slow.",
            "Time outside the service: networks and the agent itself.",
        ),
        Metric(
            "staleness_exposure",
            Unit.CITED_SOURCE,
            "stale",
            "cited",
            Worse.UP,
            "Times an answer cites a source with text that is not fresh, of all citings.",
            "A source whose runs fail or stopped; an SLA that was tightened.",
            "Whether the old text is wrong.",
        ),
        Metric(
            "flagged_share",
            Unit.CITED_SOURCE,
            "flagged",
            "pieces",
            Worse.UP,
            "Pieces in which the screen found instructions, of all pieces served.",
            "Documents that carry instructions, planted or not; a new screen.",
            "What the screen misses; what was withheld is not served and not counted here.",
        ),
        Metric(
            "citation_recall",
            Unit.CHECK,
            "supported",
            "claims",
            Worse.DOWN,
            "Claims that their citations support, of all claims checked.",
            "Agents that claim more than they cite; evidence that does not say it; the judge.",
            "Whether the claim is true: it is held against what was cited and nothing else.",
            _ALCE,
        ),
        Metric(
            "citation_precision",
            Unit.CHECK,
            "helpful",
            "citations",
            Worse.DOWN,
            "Citations that hold and help a supported claim, of all citations.",
            "Agents that cite too much, or next to the point.",
            "Whether better evidence was there to be cited.",
            _ALCE,
        ),
        Metric(
            "support_rate",
            Unit.CHECK,
            "supported_cited",
            "cited_claims",
            Worse.DOWN,
            "Claims supported, of the claims that cite something that is there.",
            "What agents make of good evidence; the judge and its thresholds.",
            "Claims without a citation: `citation_recall` counts those.",
        ),
        Metric(
            "contradiction_rate",
            Unit.CHECK,
            "contradicted",
            "claims",
            Worse.UP,
            "Claims that their citations contradict, of all claims checked.",
            "Agents that change figures, dates or a not; conflicting evidence.",
            "Contradictions that need more than one piece to see.",
        ),
        Metric(
            "misattribution_rate",
            Unit.CHECK,
            "misplaced",
            "quotes",
            Worse.UP,
            "Quotes that stand in another piece than the one cited, of all quotes.",
            "An agent that mixes up its sources.",
            "Citations without a quote: nothing says what they are for.",
        ),
        Metric(
            "quote_fidelity",
            Unit.CHECK,
            "quoted",
            "quotes",
            Worse.DOWN,
            "Quotes that stand in the piece cited as they are quoted, of all quotes.",
            "Agents that paraphrase within quotation marks, stitch, or cite the wrong piece.",
            "Whether a faithful quote was torn out of its context.",
        ),
    )
}
