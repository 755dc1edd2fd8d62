"""Does evidence support a claim: verdicts, and what they rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.growth import growth
from verifier.changes import Kind
from verifier.support import ABSTAIN, SUPPORTED, SupportVerdict, check_support

TRAVEL = (
    "Travel abroad needs approval by the head of department. The per diem for trips abroad is 55 "
    "euros a day. It is paid with the salary of the following month. Receipts must be handed in "
    "within 30 days, unless Dr Mira Halloran has agreed otherwise. Some staff may fly first class."
)
S, C, N = SupportVerdict.SUPPORTED, SupportVerdict.CONTRADICTED, SupportVerdict.NOT_ENOUGH


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("The per diem for trips abroad is 55 euros a day.", S),
        ("the per diem for trips abroad is EUR 55 a day", S),
        ("The per diem is 55 euros a day for trips abroad.", S),
        ("It is paid with the salary of the following month.", S),
        ("The per diem for trips abroad is 65 euros a day.", C),
        ("The per diem for trips abroad is 55 dollars a day.", C),
        ("The per diem for trips abroad is not 55 euros a day.", C),
        ("Receipts must be handed in within 30 weeks.", C),
        ("Receipts may not be handed in within 30 days.", C),
        ("Travel abroad never needs approval by the head of department.", C),
        ("All staff may fly first class.", N),
        ("No staff may fly first class.", C),
        ("Receipts must be handed in within 30 days, unless Dr Mira Okafor has agreed.", C),
        ("Receipts must be handed in within 30 days.", N),  # drops the exception
        ("The canteen serves lunch from noon.", N),
        ("", N),
        ("...", N),
    ],
)
def test_a_claim_is_judged_by_its_evidence(claim: str, verdict: SupportVerdict) -> None:
    assert check_support(claim, TRAVEL).verdict is verdict


@pytest.mark.parametrize(
    ("claim", "kind", "mine", "theirs"),
    [
        ("The per diem for trips abroad is 65 euros a day.", Kind.NUMBER, "65 euros", "55 euros"),
        ("The per diem for trips abroad is 55 dollars a day.", Kind.UNIT, "55 dollars", "55 euros"),
        ("The per diem for trips abroad is not 55 euros a day.", Kind.NEGATION, "not", None),
    ],
)
def test_what_the_evidence_says_otherwise_is_told(
    claim: str, kind: Kind, mine: str, theirs: str | None
) -> None:
    found = check_support(claim, TRAVEL)
    assert (kind, mine, theirs) in [(one.kind, one.one, one.other) for one in found.against]


def test_the_passage_that_decided_is_told_to_the_character() -> None:
    found = check_support("The per diem for trips abroad is 65 euros a day.", TRAVEL)
    assert TRAVEL[found.start : found.end] == "The per diem for trips abroad is 55 euros a day."


def test_two_neighbours_support_what_neither_does_alone() -> None:
    evidence = "The pump was replaced in April. The new pump was made by Skerry."
    found = check_support("The pump, made by Skerry, was replaced in April.", evidence)
    assert found.verdict is S
    assert evidence[found.start : found.end] == evidence


def test_a_date_is_the_same_in_any_spelling_and_another_is_not() -> None:
    evidence = "The policy takes effect on 1 March 2026 in all branches."
    claim = "The policy takes effect on {} in all branches."
    assert check_support(claim.format("2026-03-01"), evidence).verdict is S
    assert check_support(claim.format("2026-04-01"), evidence).verdict is C


def test_what_is_denied_right_before_is_not_supported_by_the_words_after() -> None:
    evidence = "It is not the case that the vault is open at night."
    assert check_support("the vault is open at night", evidence).verdict is not S
    assert check_support("The vault is open at night", "The vault is open at night.").verdict is S


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        (
            "Broken windows, torn seats and lost keys are covered.",
            "No branch covers torn seats, broken windows, or keys that a customer has lost abroad.",
        ),
        (
            "The branch insures lost keys and broken windows.",
            "Lost keys and broken windows: the branch has never insured either.",
        ),
    ],
)
def test_a_denial_is_seen_where_the_words_stand_in_another_order(claim: str, evidence: str) -> None:
    assert check_support(claim, evidence).verdict is C


def test_a_fact_of_another_sentence_does_not_stand_in_for_the_right_one() -> None:
    evidence = "The north branch has 12 tellers. The south branch has 31 tellers."
    assert check_support("The north branch has 12 tellers.", evidence).verdict is S
    assert check_support("The north branch has 31 tellers.", evidence).verdict is C


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", "\r\n"),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: text.replace("r", "r\u00ad"),
        lambda text: text.replace("e", "e\u200b"),
    ],
    ids=["crlf", "no-break", "soft hyphen", "zero width"],
)
def test_white_space_and_what_is_invisible_make_no_difference(change: object) -> None:
    assert callable(change)
    evidence = "The per diem for trips abroad is 55 euros a day"
    assert check_support(change(evidence), evidence).verdict is S
    assert check_support(evidence, change(evidence)).verdict is S


@given(st.text(max_size=200), st.text(max_size=400))
def test_any_text_gets_a_verdict_within_bounds_and_always_the_same(
    claim: str, evidence: str
) -> None:
    found = check_support(claim, evidence)
    assert found == check_support(claim, evidence)
    assert 0 <= found.score <= 1
    assert 0 <= found.contradiction <= 1
    assert (found.start is None) == (found.end is None)
    if found.start is not None and found.end is not None:
        assert 0 <= found.start < found.end <= len(evidence)
    assert (found.verdict is S) <= (found.score >= SUPPORTED)
    assert found.abstained == (found.verdict is N and found.score >= ABSTAIN)


@pytest.mark.parametrize(
    "piece",
    ["x", "a ", "No. ", "\u200b", "1 ", "55 euros ", "\ud800", "not ", "- \n", "A. "],
)
def test_time_grows_with_the_length_of_the_evidence_and_no_faster(piece: str) -> None:
    claim = "The fee is not 55 euros in March. " + piece * 200

    def check(length: int) -> None:
        check_support(claim, piece * (length // len(piece)))

    assert growth(check, 10_000, 80_000) < 30  # squared, it is 64
