"""A quote stands in its evidence, or it does not; nothing in between passes."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.citations import MAX_QUOTE, QuoteOutcome, check_quote
from verifier.errors import QuoteTooLongError
from verifier.normalise import folded
from verifier.policy import REDACTION

EVIDENCE = (
    "The annual fee is 45 euros for every private account. It is waived for students under 27.\n"
    "Transfers above 10,000.50 euros need a second signature, and must not be sent on Sundays.\n\n"
    "The employer pays the insurance. Complaints are answered within ten working days of receipt."
)
WORDS = EVIDENCE.split()


@given(st.data())
def test_whole_words_of_the_evidence_are_an_exact_quote(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(WORDS) - 1))
    end = data.draw(st.integers(start + 1, len(WORDS)))
    quote = " ".join(WORDS[start:end])
    match = check_quote(quote, EVIDENCE)
    assert match.outcome is QuoteOutcome.EXACT
    assert " ".join(EVIDENCE[match.start : match.end].split()) == quote.strip("\"' ")


@pytest.mark.parametrize(
    ("quote", "evidence"),
    [
        ("It\u2019s \u201cfine\u201d \u2013 really", 'It\'s "fine" - really'),
        ("one\r\n two", "zero one two three"),
        ("one two", "zero one \xad two\u200b three"),
        ("the ﬁnal office", "in the final office now"),
        ("\u201cThe annual fee is 45 euros\u201d", EVIDENCE),
    ],
)
def test_typography_does_not_matter(quote: str, evidence: str) -> None:
    assert check_quote(quote, evidence).outcome is QuoteOutcome.EXACT


@pytest.mark.parametrize(
    "quote",
    [
        "The anual fee is 45 euros for every private account.",
        "Transfers above 10,000.50 euros need a second signatur, and must not be sent on Sundays",
        "Complaints are answered within the ten working days of receipt",
    ],
)
def test_a_slip_of_the_pen_is_aligned_to_whole_words(quote: str) -> None:
    match = check_quote(quote, EVIDENCE)
    assert match.outcome is QuoteOutcome.ALIGNED
    assert match.start is not None
    assert match.end is not None
    place = EVIDENCE[match.start : match.end]
    assert place.split()[0] in WORDS
    assert place.split()[-1] in {word.rstrip(".") for word in WORDS}


@pytest.mark.parametrize(
    "quote",
    [
        "The annual fee is 54 euros for every private account",
        "The annual fee is 4 euros for every private account",
        "Transfers above 10,000.05 euros need a second signature",
        "Transfers above 10,000 euros need a second signature, and must not be sent",
        "a second signature, and must be sent on Sundays",
        "a second signature, and may not be sent on Sundays",
        "The employee pays the insurance. Complaints are answered",
        "The annual fee is not 45 euros for every private account",
    ],
)
def test_another_number_negation_or_word_is_altered(quote: str) -> None:
    assert check_quote(quote, EVIDENCE).outcome is QuoteOutcome.ALTERED


@given(st.integers(0, 99999).filter(lambda n: str(n) not in {"45", "27"}))
def test_no_other_number_is_ever_accepted(number: int) -> None:
    quote = f"The annual fee is {number} euros for every private account"
    outcome = check_quote(quote, EVIDENCE).outcome
    assert outcome not in {QuoteOutcome.EXACT, QuoteOutcome.ALIGNED}


@pytest.mark.parametrize("quote", ["5 euros", "10,000", "000.50 euros", "ears old", "nnual fee"])
def test_a_part_of_a_word_or_number_is_no_quote(quote: str) -> None:
    outcome = check_quote(quote, EVIDENCE).outcome
    assert outcome not in {QuoteOutcome.EXACT, QuoteOutcome.ALIGNED}


@pytest.mark.parametrize(
    "quote",
    [
        "The annual fee is 45 euros \u2026 answered within ten working days",
        "The annual fee is 45 euros [...] the insurance",
        "The annual fee is 45 euros answered within ten working days of receipt",
        "It is waived for students under 27. The annual fee is 45 euros",
    ],
)
def test_a_quote_of_apart_places_is_stitched(quote: str) -> None:
    assert check_quote(quote, EVIDENCE).outcome is QuoteOutcome.STITCHED


def test_a_quote_does_not_reach_across_something_removed() -> None:
    evidence = f"The first part of it stands. {REDACTION} The second part of it stands."
    for quote in (evidence, evidence.replace("first", "frst"), evidence.replace(REDACTION, "")):
        outcome = check_quote(quote, evidence).outcome
        assert outcome not in {QuoteOutcome.EXACT, QuoteOutcome.ALIGNED}


@pytest.mark.parametrize("quote", ["", "  \n", '""', "..."])
def test_an_empty_quote_is_said_to_be_empty(quote: str) -> None:
    assert check_quote(quote, EVIDENCE).outcome is QuoteOutcome.EMPTY


def test_what_is_not_there_is_not_found() -> None:
    assert check_quote("Dogs are welcome in all branches", EVIDENCE).outcome == "not_found"
    assert check_quote("anything", "").outcome == "not_found"


def test_an_overlong_quote_is_refused_by_name() -> None:
    with pytest.raises(QuoteTooLongError, match="at most"):
        check_quote("x" * (MAX_QUOTE + 1), EVIDENCE)


@pytest.mark.parametrize(
    ("quote", "evidence"), [("a b " * 2500, "a c " * 25000), ("ab" * 5000, "abc" * 30000)]
)
def test_the_longest_quote_is_checked_in_bounded_time(quote: str, evidence: str) -> None:
    started = time.process_time()
    check_quote(quote, evidence)
    # A hang is what this guards against; the bound is far above what is measured.
    assert time.process_time() - started < 60


@given(st.text(), st.text())
def test_any_pair_of_texts_gets_an_answer_inside_the_evidence(quote: str, evidence: str) -> None:
    match = check_quote(quote, evidence)
    if match.start is not None and match.end is not None:
        assert 0 <= match.start < match.end <= len(evidence)


@given(st.text() | st.text(st.sampled_from("a1 \n\xad\u200b\u2019\ufb01\u2026")))
@example("0\r\xad")
def test_folding_twice_is_folding_once(text: str) -> None:
    once, _ = folded(text)
    assert folded(once)[0] == once
