"""Seeded text of an imaginary company: documents and questions that read like a bank's handbook.

Words are drawn with a power-law skew from twenty-four areas' own vocabularies, a common one, and a
long tail of made-up names, so that posting lists have the shape they have in real collections.
Lengths are log-normal with a mean of about 99 tokens a section. What never lives here: vectors,
access control, clocks.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


def _words(text: str, *, by: str | None = None) -> tuple[str, ...]:
    """A word list written as running text."""
    return tuple(text.split(by))


_AREAS: Final = {
    "Payments": "payment transfer beneficiary cut-off batch mandate remittance direct-debit fee",
    "Card services": "card chargeback cardholder terminal dispute reissue limit PIN merchant",
    "Mortgages": "mortgage valuation deed surveyor instalment collateral redemption broker",
    "Travel": "trip allowance itinerary hotel receipt airfare reimbursement mileage visa",
    "Payroll": "salary payslip overtime deduction bonus pension timesheet accrual gross-up",
    "Recruiting": "candidate interview vacancy reference offer probation shortlist referral",
    "Information security": "credential incident phishing patch firewall token vulnerability key",
    "Data protection": "consent retention erasure subject-request processor breach register",
    "Facilities": "badge visitor lift generator evacuation parking lease cleaning desk",
    "Procurement": "supplier tender contract invoice purchase-order quotation renewal rebate",
    "Treasury": "liquidity repo collateral hedge counterparty maturity yield swap buffer",
    "Credit risk": "exposure default rating covenant provision write-off scorecard watchlist",
    "Market risk": "volatility stress-test desk limit backtest spread position sensitivity",
    "Compliance": "sanction screening alert licence attestation regulator finding gift",
    "Internal audit": "workpaper sample finding remediation follow-up charter opinion test",
    "Customer service": "complaint callback escalation ticket script survey branch queue",
    "Onboarding": "identification passport beneficial-owner questionnaire risk-class signature",
    "Software delivery": "release rollback pipeline repository test review feature-flag sprint",
    "Data centre": "rack backup failover cooling replication storage outage maintenance",
    "Legal": "clause power-of-attorney litigation settlement counsel jurisdiction filing",
    "Tax": "withholding declaration certificate treaty assessment refund levy threshold",
    "Marketing": "campaign newsletter sponsorship brochure logo audience channel disclaimer",
    "Wealth advice": "portfolio mandate suitability fund dividend rebalancing custody adviser",
    "Business continuity": "drill recovery-site dependency call-tree scenario restoration plan",
}
_NOUNS: Final = _words(
    "request report record approval form manager team account policy review deadline list case "
    "department change procedure system control customer committee version exception register "
    "evidence decision owner region quarter amount agreement schedule service notice archive "
    "process summary checklist standard folder step calendar database director template"
)
_ADJECTIVES: Final = _words(
    "new annual written internal open regional temporary final monthly complete late standard "
    "external pending higher revised joint electronic local certified independent interim"
)
_VERBS: Final = _words(
    "approved reviewed recorded submitted signed checked returned closed extended reported "
    "archived updated confirmed rejected cancelled documented assigned forwarded reconciled"
)
_ROLES: Final = _words(
    "line manager|head of department|duty officer|branch manager|second reviewer|chief accountant|"
    "data owner|regional director|service desk|project lead|external auditor|board secretary",
    by="|",
)
_UNITS: Final = ("days", "working days", "hours", "weeks", "months")
_SYLLABLES: Final = _words(
    "ar bel cor dun el far gal hol is jor kel lan mer nor os pen quin ras sol tam ul ver win "
    "yor zan"
)
_NAMES: Final = 20_000

_SENTENCES: Final = (
    "The {adjective} {own} must be {verb} by the {role} within {number} {unit}.",
    "A {own} that was {verb} after the {noun} needs another {own} and a {adjective} {noun}.",
    "In {name}, the {own} and the {own} are kept together with the {noun} for {number} {unit}.",
    "Before the {noun} is {verb}, the {role} compares the {own} with the {adjective} {own}.",
    "If no {own} is available, the {noun} is {verb} and the {role} is told the same day.",
    "{name} handles about {number} cases each quarter, most of them with a {adjective} {noun}.",
    "Nobody may change the {own} once the {noun} has been {verb}, except the {role}.",
    "The limit for a {adjective} {own} is {number} per {noun}; above it the {role} decides.",
    "For every {own}, the {noun} names an owner, a {adjective} {noun} and a date.",
    "Since {name} was {verb}, the {own} follows the {adjective} {noun} of the {role}.",
    "Questions about the {own} go to the {role}, who answers within {number} {unit}.",
    "The {noun} shows which {own} was {verb}, by whom, and for which {adjective} {noun}.",
)
_HEADINGS: Final = (
    "What is {verb}",
    "The {own}",
    "Duties of the {role}",
    "{own} and {own}",
    "When the {own} is late",
    "{name}",
    "A {adjective} {noun}",
)
_QUESTIONS: Final = (
    "How soon must the {own} be {verb} by the {role}?",
    "Who decides about a {adjective} {own} above the limit?",
    "What happens if the {own} is missing when the {noun} is {verb}?",
    "How long are the {own} and the {own} kept?",
    "Which {noun} is needed for a {adjective} {own}?",
    "What does {name} say about the {own}?",
    "May the {own} be changed after it was {verb}?",
    "{own} {adjective} {noun} {role}",
)

_MEAN_WORDS: Final = 65.0  # About 1.3 tokens a word.
_SIGMA: Final = 0.45
_SHORTEST, _LONGEST = 14, 140

AREAS: Final = tuple(_AREAS)


@dataclass(frozen=True, slots=True)
class Prose:
    """A stream of text about one area, the same for the same seed."""

    area: str
    dice: random.Random

    @classmethod
    def seeded(cls, *seed: object, area: str | None = None) -> Prose:
        """Start a stream; without an area the seed decides that as well."""
        dice = random.Random(repr(seed))  # noqa: S311 - text to measure with, nothing secret
        return cls(area or dice.choice(AREAS), dice)

    def document(self, sections: int) -> str:
        """A Markdown document; each section is short enough to be one chunk."""
        title = f"{self.area}: {self._name()} {self._skewed(_NOUNS)}"
        parts = [f"# {title}\n\n{self.paragraph()}"]
        parts += [f"## {self._filled(_HEADINGS)}\n\n{self.paragraph()}" for _ in range(1, sections)]
        return "\n\n".join(parts) + "\n"

    def section(self) -> str:
        """One section as a chunk of it is embedded: a heading path, then the text."""
        path = f"{self.area}: {self._name()} {self._skewed(_NOUNS)} \u203a "
        return f"{path}{self._filled(_HEADINGS)}\n{self.paragraph()}"

    def question(self) -> str:
        """Something an employee might ask about the area."""
        return self._filled(_QUESTIONS)

    def paragraph(self) -> str:
        """Sentences of one section."""
        median = _MEAN_WORDS / 2.718281828 ** (_SIGMA**2 / 2)
        wanted = median * 2.718281828 ** self.dice.gauss(0.0, _SIGMA)
        words = min(max(wanted, _SHORTEST), _LONGEST)
        sentences: list[str] = []
        while words > 0:
            sentences.append(self._filled(_SENTENCES))
            words -= sentences[-1].count(" ") + 1
        return " ".join(sentences)

    def _filled(self, templates: Sequence[str]) -> str:
        out = self.dice.choice(templates)
        own = _AREAS[self.area].split()
        # Each place is filled for itself, so that two of a kind in a sentence may differ.
        for place, words in (("{own}", own), ("{noun}", _NOUNS), ("{adjective}", _ADJECTIVES)):
            while place in out:
                out = out.replace(place, self._skewed(words), 1)
        return out.format(
            verb=self._skewed(_VERBS),
            role=self._skewed(_ROLES),
            name=self._name(),
            number=self.dice.choice((2, 3, 5, 7, 10, 14, 15, 20, 21, 30, 45, 60, 90, 120, 250)),
            unit=self.dice.choice(_UNITS),
        )

    def _skewed(self, words: Sequence[str]) -> str:
        """One of the words; the first are by far the most frequent, as in any language."""
        return words[int(len(words) * self.dice.random() ** 2)]

    def _name(self) -> str:
        """A made-up name of a project, an office or a system; few are frequent, most are rare."""
        rank = int(_NAMES * self.dice.random() ** 3)
        base = len(_SYLLABLES)
        first, second, third = rank % base, rank // base % base, rank // base**2 % base
        return (_SYLLABLES[first] + _SYLLABLES[second] + _SYLLABLES[third]).capitalize()
