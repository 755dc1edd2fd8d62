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
    the verdict. Where an order is redacted, what stands right beside it and is suspected to be one
    goes with it: an order is often told in several sentences.

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
    spans = _merged((f.start, f.end) for f in (*acted_on, *_beside(text, findings, acted_on)))
    served, offsets = apply_edits(text, (Edit(start, end, REDACTION) for start, end in spans))
    return TrustedText(
        served,
        TrustVerdict.REDACTED,
        tuple(f.moved(*offsets.to_sanitised(f.start, f.end)) for f in findings),
        tuple(offsets.to_sanitised(start, end) for start, end in spans),
        offsets,
    )


def _beside(text: str, findings: Sequence[Finding], acted_on: Sequence[Finding]) -> list[Finding]:
    """What is suspected of being an order and stands beside one, or beside such a neighbour.

    Beside means that there is nothing but white space between.

    Args:
        text: Sanitised text.
        findings: All of them.
        acted_on: Those that are redacted anyway.
    """
    orders = [f for f in acted_on if f.kind is FindingKind.INJECTION and f.start < f.end]
    suspected = [
        f for f in findings if f.kind is FindingKind.INJECTION and f.severity is not Severity.HIGH
    ]
    if not orders or not suspected:
        return []
    runs: list[list[Finding]] = []
    reach = 0
    for one in sorted((*orders, *suspected), key=lambda f: (f.start, f.end)):
        if runs and not text[reach : one.start].strip():
            runs[-1].append(one)
        else:
            runs.append([one])
        reach = max(reach, one.end)
    return [one for run in runs if any(f.severity is Severity.HIGH for f in run) for one in run]


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that overlap or touch; empty ones are left out."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((start, end) for start, end in spans if start < end):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
