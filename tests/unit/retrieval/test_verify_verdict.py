"""Judging claims by what they cite: each piece once, and what every citation is worth."""

from __future__ import annotations

import pytest

from retrieval.verify_request import Assertion, Reference
from retrieval.verify_verdict import Bench, Judged
from tests.support.cited import piece
from tests.support.work import steps
from verifier.support import SupportVerdict

TELLERS = "The north branch has 12 tellers."
OPEN = "The pump was replaced in April. The new pump was made by Skerry."
PUMP = "The pump, made by Skerry, was replaced in April."
APRIL = "The pump was replaced in April."
SKERRY = "The new pump was made by Skerry."


def judged(claim: str, *texts: str) -> Judged:
    """A claim judged by texts in the order it cites them; equal texts are one piece."""
    idents = {text: f"c{at}" for at, text in enumerate(dict.fromkeys(texts))}
    cited = tuple(Reference(chunk_id=idents[text]) for text in texts)
    bench = Bench.of({Reference(chunk_id=i): piece(i, text) for text, i in idents.items()})
    return bench.judge(Assertion(claim, cited))


@pytest.mark.parametrize(
    ("claim", "texts", "precise"),
    [
        (TELLERS, [TELLERS], [True]),
        (TELLERS, [TELLERS, TELLERS], [True, True]),
        (TELLERS, ["The canteen opens at noon.", TELLERS], [False, True]),
        (PUMP, [APRIL, SKERRY], [True, True]),
        (PUMP, [APRIL, SKERRY, SKERRY], [True, False, False]),
        (PUMP, [APRIL, SKERRY, "The canteen opens at noon."], [True, True, False]),
        ("The north branch has 13 tellers.", [TELLERS, TELLERS], [False, False]),
    ],
)
def test_a_citation_is_worth_what_would_be_missing_without_it(
    claim: str, texts: list[str], precise: list[bool]
) -> None:
    assert judged(claim, *texts).precise == tuple(precise)


def test_citing_a_piece_again_changes_nothing_but_the_count() -> None:
    once, twice = judged(TELLERS, "Noon.", TELLERS), judged(TELLERS, "Noon.", TELLERS, TELLERS)
    assert len(twice.claim.citations) == len(once.claim.citations) + 1
    left_out = {"citations"}
    assert once.claim.model_dump(exclude=left_out) == twice.claim.model_dump(exclude=left_out)
    assert once.claim.verdict is SupportVerdict.SUPPORTED


def test_the_passage_that_decided_is_told_by_the_first_citation_of_its_piece() -> None:
    best = judged(TELLERS, "Noon.", TELLERS, TELLERS).claim.best
    assert best is not None
    assert (best.citation, best.start, best.end) == (1, 0, len(TELLERS))


def test_work_grows_with_the_pieces_and_not_with_how_often_each_is_cited() -> None:
    text = "The fee of the north branch is 55 euros in March. "

    def work(pieces: int, times: int = 1) -> int:
        idents = [f"c{at}" for at in range(pieces)]
        bench = Bench.of({Reference(chunk_id=i): piece(i, f"{text} Room {i}.") for i in idents})
        asked = Assertion(text * 20, tuple(Reference(chunk_id=i) for i in idents * times))
        return steps(lambda: bench.judge(asked))

    assert work(16) < 6 * work(4)
    assert work(4, times=4) < 2 * work(4)
