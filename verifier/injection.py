"""The injection screen: sentences that give orders to the machine that reads them.

Runs over sanitised text, where no invisible character can split a word. Each finding spans the
offending sentence, so that a policy can take it out and leave the rest. A screen of rules finds
what is said openly; it is one layer, and promises no more.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from verifier.findings import Finding, FindingKind, Severity
from verifier.injection_language import DISCUSSED, NEGATED, Rule
from verifier.injection_rules import RULES
from verifier.sentences import sentences
from verifier.skeleton import skeleton

_FORBIDDING = frozenset({"injection.exfiltrate", "injection.disclose_prompt", "injection.tool_use"})
"""Rules whose sentence, negated, is good advice: "never send your password to …"."""

_LEAD_LENGTH = 40
_QUOTES = "\"'`"


def screen(text: str) -> tuple[Finding, ...]:
    """Find sentences that address, instruct or impersonate the reader.

    Args:
        text: Sanitised text.

    Returns:
        Findings of kind `injection`, ascending, at most one per rule and sentence; offsets are
        those of `text`. What is quoted by someone who writes about attacks is of severity `low`.
    """
    folded = skeleton(text)
    spans = sentences(folded)
    plain = [" ".join(folded[start:end].split()) for start, end in spans]
    starts = list(accumulate((len(sentence) + 1 for sentence in plain), initial=0))
    joined = "\n".join(plain)
    found = [
        finding
        for rule in RULES
        for index in _candidates(rule, joined, starts)
        if (finding := _judged(rule, plain[index], *spans[index])) is not None
    ]
    found.sort(key=lambda finding: (finding.start, finding.end, finding.rule))
    return tuple(found)


def _candidates(rule: Rule, joined: str, starts: Sequence[int]) -> list[int]:
    """Return which sentences hold an anchor of the rule.

    Args:
        rule: Looked for.
        joined: All sentences, each with single spaces, one a line.
        starts: Where each begins in `joined`.
    """
    indexes: set[int] = set()
    for anchor in rule.anchors:
        position = joined.find(anchor)
        while position >= 0:
            index = bisect_right(starts, position) - 1
            indexes.add(index)
            position = joined.find(anchor, starts[index + 1])
    return sorted(indexes)


def _judged(rule: Rule, sentence: str, start: int, end: int) -> Finding | None:
    match = rule.search(sentence)
    if match is None:
        return None
    before = sentence[max(0, match.start() - _LEAD_LENGTH) : match.start() + 1]
    if rule.name in _FORBIDDING and NEGATED.search(before):
        return None
    severity = rule.severity
    if severity is Severity.HIGH and _is_quoted(sentence, match.start(), match.end()):
        severity = Severity.LOW
    return Finding.at(
        start,
        end,
        rule=rule.name,
        kind=FindingKind.INJECTION,
        severity=severity,
        message=f"this sentence {rule.message}",
    )


def _is_quoted(sentence: str, start: int, end: int) -> bool:
    """Whether the match stands in quotation marks of a sentence that speaks about attacks."""
    opened = max(sentence.rfind(quote, 0, start + 2) for quote in _QUOTES)
    if opened < 0 or sentence.find(sentence[opened], end - 1) < 0:
        return False
    outside = sentence[:opened] + sentence[sentence.find(sentence[opened], end - 1) :]
    return DISCUSSED.search(outside) is not None
