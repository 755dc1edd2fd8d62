"""How parsers report text that a file carries but does not show.

Such text is left out of the extraction; the finding stands at the zero-length place it stood. What
never lives here: the hidden text itself. A message that quoted it would deliver it.
"""

from verifier.findings import Finding, FindingKind, Severity

MIN_WORDS = 3


def hidden_finding(rule: str, message: str, text: str, place: int) -> Finding:
    """Return a finding at ``place``; enough words to instruct somebody make it high severity."""
    severity = Severity.HIGH if len(text.split()) >= MIN_WORDS else Severity.LOW
    return Finding.at(
        place,
        place,
        rule=rule,
        kind=FindingKind.HIDDEN,
        severity=severity,
        message=message,
    )
