"""The injection screen as a whole: the rules, and behind them the trained model.

A rule says what it saw and is right where it speaks; the model speaks where no rule does, and is
wrong at a stated rate. What must never live here: a rule, or a weight.
"""

from collections.abc import Sequence
from typing import Final

from verifier.findings import Finding, FindingKind, Severity
from verifier.injection import screen as ruled
from verifier.screen_model import Passage, shipped_model

LEARNED: Final = "injection.learned"
"""The id of what the model finds."""

SCREEN_VERSION: Final = "5"
"""Raised with the rules or the weights, so that stored documents are screened anew."""

_RULE_WRONG: Final = 0.02
"""How much doubt a rule of severity `high` leaves when texts are ranked."""


def screen(text: str) -> tuple[Finding, ...]:
    """Find sentences that address, instruct or impersonate the machine that reads them.

    Args:
        text: Sanitised text.

    Returns:
        Findings of kind `injection`, ascending; offsets are those of `text`. What the model finds
        is left out where a rule of severity `high` has said it.
    """
    found = ruled(text)
    model = shipped_model()
    learned = [
        _finding(passage, certain=passage.score >= model.certain)
        for passage in model.passages(text)
        if not any(_says(finding, passage) for finding in found)
    ]
    return tuple(sorted((*found, *learned), key=lambda f: (f.start, f.end, f.rule)))


def score(texts: Sequence[str]) -> list[float]:
    """Score sanitised texts, each by itself.

    What texts are ranked by when the screen is evaluated; a policy acts on findings.

    Args:
        texts: Sanitised texts.

    Returns:
        One score a text: 0 where the screen sees nothing, 1 where it is certain.
    """
    return [_scored(text) for text in texts]


def _scored(text: str) -> float:
    doubt = 1 - shipped_model().score(text)
    if any(finding.severity is Severity.HIGH for finding in ruled(text)):
        doubt *= _RULE_WRONG
    return 1 - doubt


def _says(finding: Finding, passage: Passage) -> bool:
    return (
        finding.severity is Severity.HIGH
        and finding.start <= passage.start
        and passage.end <= finding.end
    )


def _finding(passage: Passage, *, certain: bool) -> Finding:
    return Finding.at(
        passage.start,
        passage.end,
        rule=LEARNED,
        kind=FindingKind.INJECTION,
        severity=Severity.HIGH if certain else Severity.LOW,
        message=f"this passage reads like an order to a machine (score {passage.score:.3f})",
    )
