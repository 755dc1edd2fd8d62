"""Secrets that give themselves away: keys with a known form, numbers with a check digit.

Few rules of high confidence; whatever would need guessing is left out. Messages never repeat any
part of what was found.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verifier.findings import Finding, FindingKind, Severity

_CARD_LENGTHS = range(13, 20)
_IBAN_LENGTHS = range(15, 35)
_IBAN_MODULUS = 97


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of secret.

    Attributes:
        rule: The stable id.
        anchor: A literal without which the pattern is not tried; empty if there is none.
        pattern: The form.
        holds: A check of what matched.
        what: Named in the message.
    """

    rule: str
    anchor: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]
    what: str


def find_secrets(text: str) -> tuple[Finding, ...]:
    """Find secrets of certain form, ascending; overlapping ones are reported by the first rule."""
    found: list[Finding] = []
    for form in _FORMS:
        if form.anchor in text:
            found += _matches(form, text)
    found.sort(key=lambda finding: (finding.start, -finding.end))
    apart: list[Finding] = []
    for finding in found:
        if not apart or finding.start >= apart[-1].end:
            apart.append(finding)
    return tuple(apart)


def _matches(form: _Form, text: str) -> Iterator[Finding]:
    for match in form.pattern.finditer(text):
        if form.holds(match[0]):
            yield Finding.at(
                *match.span(),
                rule=form.rule,
                kind=FindingKind.SECRET,
                severity=Severity.HIGH,
                message=f"what has the form of {form.what}",
            )


def _always(_: str) -> bool:
    return True


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B; runs of one digit pass it and are no cards."""
    digits = [int(c) for c in number if c.isdigit()]
    if len(digits) not in _CARD_LENGTHS or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(number: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as numbers, modulo 97."""
    plain = number.replace(" ", "")
    if len(plain) not in _IBAN_LENGTHS:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % _IBAN_MODULUS == 1


def _jwt(token: str) -> bool:
    """RFC 7519: the first part decodes to a JSON object that names an algorithm."""
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and "alg" in header


_FORMS = (
    _Form(
        "secret.private_key",
        "PRIVATE KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"[A-Za-z0-9+/=\s:,.\-]{0,20000}?"
            r"-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"|-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        ),
        _always,
        "a private key",
    ),
    _Form(
        "secret.aws_access_key",
        "",
        re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
        _always,
        "an AWS access key id",
    ),
    _Form(
        "secret.github_token",
        "gh",
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b"),
        _always,
        "a GitHub token",
    ),
    _Form(
        "secret.jwt",
        "eyJ",
        re.compile(r"\beyJ[\w-]{10,2000}\.[\w-]{10,8000}\.[\w-]{0,2000}"),
        _jwt,
        "a JSON Web Token",
    ),
    _Form(
        "secret.iban",
        "",
        re.compile(
            r"(?<![A-Z0-9])[A-Z]{2}\d{2}"
            r"(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Z0-9])"
        ),
        _iban,
        "an IBAN",
    ),
    _Form(
        "secret.card_number",
        "",
        re.compile(
            r"(?<![\d.,-])(?<!\d[ ])(?:[2-6]\d{12,18}"
            r"|[2-6]\d{3}(?:([ -])\d{4})(?:\1\d{4}){2}(?:\1\d{1,3})?"
            r"|3[47]\d{2}[ -]\d{6}[ -]\d{5})(?![\d-]|[.,]\d)"
        ),
        _luhn,
        "a payment card number",
    ),
)
