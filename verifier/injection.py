"""The injection screen: sentences that give orders to the machine that reads them.

Runs over sanitised text, where no invisible character can split a word. Each finding spans the
offending sentence, so that a policy can take it out and leave the rest. A screen of rules finds
what is said openly; it is one layer, and promises no more.
"""

from collections.abc import Iterator

from verifier.findings import Finding, FindingKind, Severity
from verifier.injection_rules import DISCUSSED, NEGATED, RULES, Rule
from verifier.sentences import sentence_at
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
    found: dict[tuple[int, int, str], Finding] = {}
    for rule in RULES:
        for start, end in _candidates(rule, folded):
            finding = _judged(rule, folded, start, end)
            if finding is not None:
                found.setdefault((start, end, rule.name), finding)
    return tuple(found[key] for key in sorted(found))


def _candidates(rule: Rule, folded: str) -> Iterator[tuple[int, int]]:
    """Yield each sentence that holds an anchor of the rule, once per anchor."""
    for anchor in rule.anchors:
        position = folded.find(anchor)
        while position >= 0:
            start, end = sentence_at(folded, position)
            yield start, end
            position = folded.find(anchor, max(end, position + 1))


def _judged(rule: Rule, folded: str, start: int, end: int) -> Finding | None:
    sentence = " ".join(folded[start:end].split())
    match = rule.pattern.search(sentence)
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
