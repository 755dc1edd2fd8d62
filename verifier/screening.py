"""How much a text looks like an order to the machine that reads it: one number from 0 to 1.

What the evaluation ranks texts by; a policy acts on findings, never on this number.
What must never live here: a threshold.
"""

from collections.abc import Sequence

from verifier.findings import Severity
from verifier.injection import screen

_BY_SEVERITY = {Severity.INFO: 0.25, Severity.LOW: 0.5, Severity.HIGH: 1.0}


def score(texts: Sequence[str]) -> list[float]:
    """Score sanitised texts, each by itself.

    Args:
        texts: Sanitised texts.

    Returns:
        One score a text: 0 where the screen sees nothing, 1 where it is certain.
    """
    return [
        max((_BY_SEVERITY[finding.severity] for finding in screen(text)), default=0.0)
        for text in texts
    ]
