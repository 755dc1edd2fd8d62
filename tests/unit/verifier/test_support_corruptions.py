"""One thing changed in a sentence: noticed nearly always, and nothing noticed where nothing is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

import retrieval.demo
from tests.support.corruptions import MONTHS, Corrupted, corruptions
from verifier.sentences import sentences
from verifier.support import SupportVerdict, check_support

CORPUS = Path(retrieval.demo.__file__).parent / "corpus"
AT_LEAST = 0.95
FEWEST_WORDS = 6
SUBJECTS = ("The daily limit", "The late fee", "The reserve at Elmfield", "The annual bonus")
AUXILIARIES = ("is", "was", "must be", "will be", "may be")
UNITS = ("euros", "days", "kg", "litres", "per cent")
ENDS = ("for most branches", "in the north region", "as agreed with Dr Halloran", "for all staff")
AROUND = (
    "The committee meets in room 7. {} Minutes are kept for ten years.",
    "{} Exceptions are listed in the annex, which has 12 pages.",
    "Nothing in this section limits the rights of the owner. {}",
)


@st.composite
def sentence(draw: st.DrawFn) -> str:
    day, month = draw(st.integers(1, 28)), draw(st.sampled_from(MONTHS))
    return (
        f"{draw(st.sampled_from(SUBJECTS))} {draw(st.sampled_from(AUXILIARIES))} "
        f"{draw(st.integers(20, 9_000))} {draw(st.sampled_from(UNITS))} from {day} {month} "
        f"{draw(st.integers(1990, 2030))} {draw(st.sampled_from(ENDS))}."
    )


@given(sentence(), st.sampled_from(AROUND), st.randoms(use_true_random=False))
def test_a_sentence_supports_itself_and_nothing_that_differs_in_one_fact(
    stated: str, around: str, random: Random
) -> None:
    evidence = around.format(stated)
    assert check_support(stated, evidence).verdict is SupportVerdict.SUPPORTED
    for kind, changed in corruptions(stated, random):
        found = check_support(changed, evidence)
        assert found.verdict is not SupportVerdict.SUPPORTED, (kind, changed)
        if kind in {Corrupted.NUMBER, Corrupted.DATE, Corrupted.NEGATION, Corrupted.UNIT}:
            assert found.verdict is SupportVerdict.CONTRADICTED, (kind, changed)


def test_changes_of_real_sentences_are_caught_and_the_sentences_themselves_are_supported() -> None:
    random = Random(5)  # noqa: S311 - the same sample each time
    caught: Counter[Corrupted] = Counter()
    made: Counter[Corrupted] = Counter()
    supported = total = 0
    texts = [path.read_text("utf-8") for path in sorted(CORPUS.rglob("*.md"))]
    for text in random.sample(texts, 40):
        spans = sentences(text)
        for start, end in random.sample(spans, min(8, len(spans))):
            stated = text[start:end]
            if len(stated.split()) < FEWEST_WORDS:
                continue
            total += 1
            supported += check_support(stated, text).verdict is SupportVerdict.SUPPORTED
            for kind, changed in corruptions(stated, random):
                made[kind] += 1
                verdict = check_support(changed, text).verdict
                caught[kind] += verdict is not SupportVerdict.SUPPORTED
    assert supported >= AT_LEAST * total
    assert min(made.values()) >= 10
    assert {
        kind: caught[kind] / made[kind] for kind in made if caught[kind] < AT_LEAST * made[kind]
    } == {}
    assert set(made) == set(Corrupted)
