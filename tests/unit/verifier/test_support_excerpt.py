"""What of the evidence a model reads: what bears on the claim, as it stands, and never too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from verifier.support_excerpt import MAX_EXCERPT, excerpt
from verifier.support_windows import Wanted, passages

FILLER = "The committee met in the spring and talked about nothing of note for hours on end. "
TEXT = st.text(st.sampled_from("ab .\n!?\u4e00\U0001f600"), max_size=3_000)


def excerpted(claim: str, evidence: str) -> str:
    return excerpt(Wanted.of(claim), passages(evidence))


def test_short_evidence_is_read_whole() -> None:
    evidence = "The fee is 12 euros. It is due in May."
    assert excerpted("The fee is 12 euros.", evidence) == evidence


def test_of_long_evidence_the_sentences_on_the_claim_are_read_in_their_order() -> None:
    evidence = (
        FILLER * 10 + "The late fee is 12 euros. " + FILLER * 30 + "A late fee is waived once."
    )
    read = excerpted("The late fee is waived once.", evidence)
    assert "The late fee is 12 euros." in read
    assert read.endswith("A late fee is waived once.")


def test_no_evidence_is_an_empty_excerpt() -> None:
    assert excerpted("Anything.", " \n ") == ""


def test_of_one_endless_sentence_the_beginning_is_read() -> None:
    assert excerpted("word", "word " * 500) == ("word " * 500)[:MAX_EXCERPT]


@given(TEXT, TEXT)
def test_an_excerpt_is_never_longer_than_its_limit(claim: str, evidence: str) -> None:
    assert len(excerpted(claim, evidence)) <= MAX_EXCERPT
