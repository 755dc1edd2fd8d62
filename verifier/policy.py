"""What becomes of text that was found to be untrustworthy: flagged, redacted or withheld.

One decision over findings that others made. Nothing is dropped in silence: the verdict and the
findings travel with whatever text is left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from verifier.edits import Edit, apply_edits
from verifier.findings import Finding, FindingKind, Severity
from verifier.offsets import OffsetMap

REDACTION: Final = "[removed: untrusted instruction]"
"""What stands where a span was redacted."""

_ACTED_ON: Final = frozenset(
    {FindingKind.INJECTION, FindingKind.HIDDEN, FindingKind.MARKERS, FindingKind.EXFILTRATION}
)


class TrustPolicy(StrEnum):
    """What a tenant wants done with untrusted text."""

    FLAG = "flag"
    REDACT = "redact"
    WITHHOLD = "withhold"


class TrustVerdict(StrEnum):
    """What was done with a text."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    REDACTED = "redacted"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class TrustedText:
    """Text under a policy.

    Attributes:
        text: What may be served; empty where it is withheld.
        verdict: What was done.
        findings: Every finding; spans in `text`.
        redactions: Where the tokens of redaction stand in `text`, as `[start, end)`.
        offsets: From `text` to the sanitised text it was made of.
    """

    text: str
    verdict: TrustVerdict
    findings: tuple[Finding, ...]
    redactions: tuple[tuple[int, int], ...]
    offsets: OffsetMap


def apply(text: str, findings: Sequence[Finding], policy: TrustPolicy) -> TrustedText:
    """Apply a policy to sanitised text and what was found in it.

    Only findings of high severity about injection, hidden content, markers or exfiltration change
    the verdict. Content the sanitiser has already removed leaves no span to redact, but it leaves
    the verdict.

    Args:
        text: Sanitised text.
        findings: With spans in `text`.
        policy: What to do.
    """
    acted_on = [f for f in findings if f.severity is Severity.HIGH and f.kind in _ACTED_ON]
    if not acted_on:
        return _kept(text, findings, TrustVerdict.CLEAN)
    if policy is TrustPolicy.FLAG:
        return _kept(text, findings, TrustVerdict.FLAGGED)
    if policy is TrustPolicy.WITHHOLD:
        return _withheld(text, findings)
    return _redacted(text, findings, acted_on)


def _kept(text: str, findings: Sequence[Finding], verdict: TrustVerdict) -> TrustedText:
    return TrustedText(text, verdict, tuple(findings), (), OffsetMap.identity(len(text)))


def _withheld(text: str, findings: Sequence[Finding]) -> TrustedText:
    _, offsets = apply_edits(text, [Edit(0, len(text), "")])
    nowhere = tuple(finding.moved(0, 0) for finding in findings)
    return TrustedText("", TrustVerdict.WITHHELD, nowhere, (), offsets)


def _redacted(text: str, findings: Sequence[Finding], acted_on: Sequence[Finding]) -> TrustedText:
    spans = _merged((f.start, f.end) for f in acted_on if f.start < f.end)
    served, offsets = apply_edits(text, (Edit(start, end, REDACTION) for start, end in spans))
    return TrustedText(
        served,
        TrustVerdict.REDACTED,
        tuple(f.moved(*offsets.to_sanitised(f.start, f.end)) for f in findings),
        tuple(offsets.to_sanitised(start, end) for start, end in spans),
        offsets,
    )


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
