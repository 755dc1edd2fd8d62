"""Many equal findings become few: a reader wants to know that, not a million times.

Harmless changes become one finding per rule; others keep their spans up to a limit, and what is
beyond it becomes one finding that spans the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from verifier.findings import Finding, Severity

LIMITS = {Severity.INFO: 1, Severity.LOW: 50, Severity.HIGH: 500}
"""How many findings of one rule keep their own span."""


def tallied(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings by rule, with those beyond the limit folded into the last one.

    Args:
        findings: Rooted in one text; exact repetitions are dropped.
    """
    by_rule: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        by_rule.setdefault((finding.rule, finding.severity), []).append(finding)
    for (_, severity), same in by_rule.items():
        limit = LIMITS[severity]
        same.sort(key=lambda finding: finding.original_start)
        yield from same[: limit - 1]
        if len(same) >= limit:
            yield _folded(same[limit - 1 :])


def _folded(same: list[Finding]) -> Finding:
    first = same[0]
    if len(same) == 1:
        return first
    return replace(
        first,
        end=max(finding.end for finding in same),
        original_end=max(finding.original_end for finding in same),
        message=f"{first.message} ({len(same)} places)",
    )
