"""What a parser leaves out because no reader would see it: gathered by rule, reported once each.

What never lives here: what counts as hidden, which each format decides.
"""

from verifier.findings import Finding, FindingKind, Severity
from verifier.hidden_html import hidden_finding

# What is left out is never served, so screening more of it would only cost time.
_MAX_SCREENED = 200_000


class Unseen:
    """Hidden content of one page, slide or sheet."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._texts: dict[str, list[str]] = {}
        self._left: dict[str, int] = {}

    def add(self, rule: str, text: str) -> None:
        """Remember that ``rule`` left ``text`` out; blank text is nothing to report."""
        text = text.strip()
        if not text:
            return
        texts = self._texts.setdefault(rule, [])
        left = self._left.setdefault(rule, _MAX_SCREENED)
        if left > 0:
            texts.append(text[:left])
            self._left[rule] = left - len(text)

    def report(self, place: int) -> list[Finding]:
        """Return one finding per rule, attached to ``place``, and begin anew."""
        found = [
            hidden_finding(place, place, rule=rule, content="\n".join(texts))
            for rule, texts in self._texts.items()
        ]
        self._texts.clear()
        self._left.clear()
        return found


def remark(place: int, *, rule: str, message: str) -> Finding:
    """Report something a parser could not read or does not follow; it hides no words."""
    return Finding.at(
        place,
        place,
        rule=rule,
        kind=FindingKind.HIDDEN,
        severity=Severity.INFO,
        message=message,
    )
