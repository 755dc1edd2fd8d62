"""The scenario's questions as figures: found, abstained, leaked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.caller import Caller
from acl.principal import Principal
from retrieval.demo.checks import cited
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest

if TYPE_CHECKING:
    from retrieval.demo.scenario import Scenario
    from retrieval.runtime import Runtime

# Floors, with room for the noise of a changed document; a fall below one fails the demo.
FOUND_FLOOR = 0.80
ABSTAIN_F1_FLOOR = 0.75


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts over the scenario's questions.

    ``leaked`` counts forbidden questions whose answer came back: it must be 0.
    """

    answerable: int
    found: int
    with_text: int
    unanswerable: int
    abstained: int
    leaked: int
    missed: tuple[str, ...]
    unheld: tuple[str, ...]
    abstained_by_kind: Counter[str]
    asked_by_kind: Counter[str]

    @property
    def precision(self) -> float:
        """Of all replies of no evidence, how many were right."""
        silent = self.abstained + len([m for m in self.missed if m.startswith("silent")])
        return self.abstained / silent if silent else 1.0

    @property
    def recall(self) -> float:
        """Of all unanswerable questions, how many got no evidence."""
        return self.abstained / self.unanswerable

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def good(self) -> bool:
        """True if nothing leaked and no floor is undercut."""
        found = self.found / self.answerable
        return not self.leaked and found >= FOUND_FLOOR and self.f1 >= ABSTAIN_F1_FLOOR

    def rows(self) -> list[tuple[str, str]]:
        """The figures in words."""
        rows = [
            (
                "answerable questions: an expected document is cited",
                f"{self.found}/{self.answerable}",
            ),
            (
                "answerable questions: the answer's words are in the evidence",
                f"{self.with_text}/{self.answerable}",
            ),
        ]
        for kind, asked in sorted(self.asked_by_kind.items()):
            rows.append(
                (
                    f"no evidence where the answer is {kind}",
                    f"{self.abstained_by_kind[kind]}/{asked}",
                )
            )
        rows.append(
            (
                "no evidence: precision, recall, F1",
                f"{self.precision:.2f} {self.recall:.2f} {self.f1:.2f}",
            )
        )
        rows.append(("answers that leaked to somebody not cleared", str(self.leaked)))
        return rows


def measure(runtime: Runtime, scenario: Scenario) -> Measured:
    """Ask every question of the scenario."""
    found = with_text = 0
    missed = []
    for number, question in enumerate(scenario.questions):
        caller = Caller(question.tenant, Principal.parse(question.caller))
        request = RetrieveRequest(query=question.query)
        answer = retrieve(runtime, caller, request, request_id=f"question-{number}")
        hit = bool(cited(scenario, question.tenant, answer.evidence) & {*question.expect_documents})
        found += hit
        folded = " ".join(" ".join(piece.text.split()) for piece in answer.evidence)
        with_text += question.expect_text in folded
        if not hit:
            missed.append(f"{'wrong' if answer.evidence else 'silent'}: {question.query}")
    leaked = 0
    unheld = []
    abstained, asked = Counter[str](), Counter[str]()
    for number, entry in enumerate(scenario.unanswerable):
        caller = Caller(entry.tenant, Principal.parse(entry.caller))
        request = RetrieveRequest(query=entry.query)
        answer = retrieve(runtime, caller, request, request_id=f"unanswerable-{number}")
        asked[entry.kind] += 1
        abstained[entry.kind] += not answer.evidence
        if answer.evidence:
            unheld.append(f"{entry.kind}: {entry.query}")
        folded = " ".join(" ".join(piece.text.split()) for piece in answer.evidence)
        shown = cited(scenario, entry.tenant, answer.evidence) & set(entry.documents)
        leaked += bool(shown) or bool(entry.answer_text and entry.answer_text in folded)
    return Measured(
        len(scenario.questions),
        found,
        with_text,
        len(scenario.unanswerable),
        sum(abstained.values()),
        leaked,
        tuple(missed),
        tuple(unheld),
        abstained,
        asked,
    )
