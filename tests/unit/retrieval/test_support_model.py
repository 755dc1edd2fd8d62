"""The trained judge beside the rules: what it adds, and what it never gets to decide."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retrieval.demo
from retrieval.support_model import SupportChoice, choice_for, load_support_model
from retrieval.verify import verify_claims
from retrieval.verify_request import Assertion, Reference, VerifyRequest
from retrieval.verify_verdict import Bench
from tests.support.cited import piece
from tests.support.corruptions import corruptions
from tests.support.installation import Installation, caller
from verifier.sentences import sentences
from verifier.support import SupportVerdict, check_support, name_of
from verifier.support_model import Chances, SupportModel

if TYPE_CHECKING:
    from tests.support.catalogue import SqliteBlank

CORPUS = Path(retrieval.demo.__file__).parent / "corpus"
FEE = "The late fee is 12 euros from 3 May 2024 for most branches."
REWORDED = "Whoever pays late owes a dozen euros."
chance = st.floats(0, 1)


class Certain:
    """Says the same of everything, and counts how often it was asked."""

    name = "certain"

    def __init__(self, chances: Chances) -> None:
        self._chances = chances
        self.asked: list[tuple[str, str]] = []

    def chances(self, claim: str, excerpt: str) -> Chances:
        self.asked.append((claim, excerpt))
        return self._chances


SUPPORTED = Chances(1.0, 0.0, 0.0)
CONTRADICTED = Chances(0.0, 1.0, 0.0)


@cache
def trained() -> SupportModel:
    model = load_support_model(SupportChoice.MINILM, threads=1)
    assert model is not None
    return model


@given(chance, st.randoms(use_true_random=False))
def test_what_a_rule_speaks_against_is_never_supported_for_a_models_sake(
    contradicted: float, random: Random
) -> None:
    model = Certain(Chances(1.0, contradicted, 0.0))
    for _, changed in corruptions(FEE, random):
        alone = check_support(changed, FEE)
        found = check_support(changed, FEE, model=model)
        assert found.verdict is not SupportVerdict.SUPPORTED
        assert (found.against, found.beyond) == (alone.against, alone.beyond)
        if alone.verdict is SupportVerdict.CONTRADICTED:
            assert found.verdict is SupportVerdict.CONTRADICTED


def test_nobody_is_asked_of_what_stands_there_word_for_word() -> None:
    model = Certain(CONTRADICTED)
    assert check_support(FEE, FEE, model=model) == check_support(FEE, FEE)
    assert model.asked == []


def test_other_words_are_for_the_model_to_judge() -> None:
    assert check_support(REWORDED, FEE).verdict is SupportVerdict.NOT_ENOUGH
    said = {
        one: check_support(REWORDED, FEE, model=Certain(one)) for one in (SUPPORTED, CONTRADICTED)
    }
    assert said[SUPPORTED].score > said[CONTRADICTED].score
    assert said[CONTRADICTED].verdict is SupportVerdict.CONTRADICTED
    assert said[SUPPORTED].contradiction < 0.5 <= said[CONTRADICTED].contradiction


def test_of_a_claim_with_a_negation_nobody_takes_the_model_for_a_contradiction() -> None:
    denied = "Whoever pays late does not get away without a dozen euros."
    found = check_support(denied, FEE, model=Certain(CONTRADICTED))
    assert found.verdict is SupportVerdict.NOT_ENOUGH
    assert found.contradiction < 0.5


def test_a_piece_is_read_once_however_often_a_request_asks() -> None:
    model = Certain(SUPPORTED)
    cited = {Reference(chunk_id=at): piece(at, FEE) for at in ("a", "b")}
    bench = Bench.of(cited, model=model)
    for _ in range(3):
        bench.judge(Assertion(REWORDED, tuple(cited)))
    assert len(model.asked) == len(set(model.asked)) == 2  # one piece alone, and both together


def test_the_name_tells_who_judged() -> None:
    assert name_of(None) == "rules-1"
    assert name_of(Certain(SUPPORTED)) == "rules-1+certain"


def test_an_installation_without_models_stays_without() -> None:
    assert choice_for("hash:64") is SupportChoice.RULES
    assert choice_for("onnx:all-MiniLM-L6-v2") is SupportChoice.MINILM
    assert load_support_model(SupportChoice.RULES) is None


def test_the_shipped_model_says_the_same_of_a_pair_alone_or_among_others() -> None:
    pairs = [(REWORDED, FEE), ("The pump failed.", "The pump works."), ("x" * 9_000, "y " * 900)]
    alone = [trained().chances(*pair) for pair in pairs]
    assert [trained().chances(*pair) for pair in reversed(pairs)] == alone[::-1]
    other = load_support_model(SupportChoice.MINILM, threads=2)
    assert other is not None
    assert [other.chances(*pair) for pair in pairs] == alone


@pytest.mark.parametrize(
    ("evidence", "supported", "contradicted"),
    [
        (
            "Employees may carry over at most five days of leave into the next year.",
            "Up to five leave days can be moved to the following year.",
            "Unused leave cannot be carried over.",
        ),
        (
            "Refunds are paid within 14 days of receiving the goods.",
            "Customers get their money back two weeks after we receive the goods at the latest.",
            "Refunds are never paid.",
        ),
        (
            "The pump was replaced in April because it leaked.",
            "A leak was the reason for replacing the pump.",
            "The pump has never been replaced.",
        ),
        (
            "Two children are playing football in the rain.",
            "Children are outside.",
            "The children are asleep in bed.",
        ),
    ],
)
def test_the_shipped_model_tells_agreement_in_other_words_from_contradiction(
    evidence: str, supported: str, contradicted: str
) -> None:
    yes, no = trained().chances(supported, evidence), trained().chances(contradicted, evidence)
    assert yes.supported > no.supported
    assert no.contradicted > yes.contradicted


def test_with_the_shipped_model_changes_of_real_sentences_are_still_caught() -> None:
    random = Random(7)  # noqa: S311 - the same sample each time
    texts = [path.read_text("utf-8") for path in sorted(CORPUS.rglob("*.md"))]
    caught, supported = [], []
    for text in random.sample(texts, 12):
        spans = [(start, end) for start, end in sentences(text) if end - start > 40]
        for start, end in random.sample(spans, min(3, len(spans))):
            stated = text[start:end]
            verdict = check_support(stated, text, model=trained()).verdict
            supported.append(verdict is SupportVerdict.SUPPORTED)
            caught += [
                check_support(changed, text, model=trained()).verdict
                is not SupportVerdict.SUPPORTED
                for _, changed in corruptions(stated, random)
            ]
    assert sum(supported) >= 0.95 * len(supported)
    assert sum(caught) >= 0.95 * len(caught)
    assert len(caught) > 30


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "rules-1"),
        ({"support_model": "rules"}, "rules-1"),
        ({"support_model": "minilm"}, "rules-1+minilm-1"),
    ],
)
def test_a_check_says_who_the_settings_let_judge(
    sqlite_catalogue: SqliteBlank, tmp_path: Path, settings: dict[str, str], name: str
) -> None:
    request = VerifyRequest.model_validate(
        {"claims": [{"text": FEE, "citations": [{"chunk_id": "none"}]}]}
    )
    directory = tmp_path / "data"
    directory.mkdir()
    with Installation.open(sqlite_catalogue, directory, **settings) as world:
        world.know("user:ann")
        found = verify_claims(world.runtime, caller("user:ann"), request, request_id="r")
    assert found.model == name
