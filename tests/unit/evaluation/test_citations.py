"""What the check of claims says of citations, against what is true of them by construction."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.errors import EvaluationError
from retrieval.evaluation.citations import evaluate_citations
from retrieval.evaluation.lines import CitationLine, read_lines
from retrieval.evaluation.resample import Resampling
from retrieval.evaluation.scripted import Script, read_scripted

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.evaluation.report import Figures

TELLERS = "The north branch has 12 tellers."
APRIL = "The pump was replaced in April."
SKERRY = "The new pump was made by Skerry."
NOON = "The canteen opens at noon."
PUMP = "The pump, made by Skerry, was replaced in April."


def line(claim: str, *cited: tuple[str | None, bool], **more: Any) -> CitationLine:
    """A claim with (text, helps) for each citation; supported if any helps."""
    citations = [{"text": text, "helps": helps} for text, helps in cited]
    supported = any(helps for _, helps in cited)
    return CitationLine.model_validate(
        {"claim": claim, "citations": citations, "supported": supported, **more}
    )


DRAFT = (
    line(TELLERS, (TELLERS, True)),
    line(PUMP, (APRIL, True), (SKERRY, True)),
    line(PUMP, (APRIL, True), (SKERRY, True), (NOON, False)),
    line("The north branch has 13 tellers.", (TELLERS, False)),
    line("Up there a dozen people serve at counters.", (TELLERS, True)),  # the rules cannot see it
    line(TELLERS, (None, False)),
    line(TELLERS),
    CitationLine.model_validate(
        {
            "claim": TELLERS,
            "citations": [{"text": NOON, "quote": TELLERS, "helps": False}],
            "supported": False,
        }
    ),
)


def values(figures: Figures) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in figures.measures.items()}


def test_measured_and_true_figures_are_those_counted_by_hand() -> None:
    report = evaluate_citations(DRAFT, resampling=Resampling(0))
    # Of 8 claims 4 are supported, and the rules see 3 of them; of 10 citations 6 help, and 5 are
    # told so: all but that of the claim in other words.
    assert values(report.overall) == {
        "true_recall": 4 / 8,
        "recall": 3 / 8,
        "true_precision": 6 / 10,
        "precision": 5 / 10,
        "claims_right": 7 / 8,
        "citations_right": 9 / 10,
    }
    assert report.overall.counts == {"supported": 4, "unsupported": 4}


def test_without_a_citation_there_is_no_precision_and_no_recall() -> None:
    found = values(evaluate_citations([line(TELLERS)], resampling=Resampling(0)).overall)
    assert found["precision"] is found["true_precision"] is None
    assert found["recall"] == 0.0


def test_lines_of_one_group_are_resampled_together() -> None:
    halves = [line(TELLERS, (TELLERS, True)), line(TELLERS)] * 8
    drawn = Resampling(50)
    apart = evaluate_citations(halves, resampling=drawn).overall.measures["recall"]
    together = evaluate_citations(
        [one.model_copy(update={"group": "one claim"}) for one in halves], resampling=drawn
    ).overall.measures["recall"]
    assert apart.low is not None
    assert apart.high is not None
    assert apart.low < 0.5 < apart.high
    assert together.low == together.high == 0.5


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"claim": "a", "citations": [{"helps": True}], "supported": False}, "can help only"),
        ({"claim": "a", "citations": [], "supported": True}, "not supported by any"),
        ({"claim": "a", "citations": [{"helps": 1}], "supported": True}, "valid boolean"),
        ({"claim": "a", "supported": False}, "Field required"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    path = tmp_path / "cited.jsonl"
    path.write_text(json.dumps(wrong))
    with pytest.raises(EvaluationError, match=why):
        read_lines(path, CitationLine)


ABSTRACTS = [
    {"_id": "1", "sents": ["Zinc cures colds.", "It was given daily.", "Zinc tablets were blue."]},
    {"_id": 2, "sents": ["Colds last a week.", "Nobody died of colds with zinc.", "Tea is hot."]},
]
CLAIMS = [
    {
        "id": 7,
        "claim": "Daily zinc cures colds.",
        "cited_doc_ids": ["1"],
        "evidence": [
            {"doc_id": "1", "label": "SUPPORT", "sentences": [1, 0]},
            {"doc_id": "1", "label": "SUPPORT", "sentences": [0]},
        ],
    },
    {
        "id": 8,
        "claim": "Tea is cold.",
        "evidence": [{"doc_id": "2", "label": "CONTRADICT", "sentences": [2]}],
    },
    {"id": 9, "claim": "Nothing is known of this.", "evidence": []},
]


def scifact(directory: Path, claims: list[dict[str, Any]] = CLAIMS) -> Path:
    """A directory in the layout of SciFact."""
    with gzip.open(directory / "corpus_sents.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, ABSTRACTS)))
    (directory / "claims_dev.jsonl").write_text("\n".join(map(json.dumps, claims)))
    return directory


def test_the_scripted_answerer_cites_in_every_way_a_rationale_allows(tmp_path: Path) -> None:
    lines = read_scripted(scifact(tmp_path))
    made = {one.family: [(c.text, c.helps) for c in one.citations] for one in lines}
    both, other = "Zinc cures colds. It was given daily.", "Colds last a week. Nobody died of"
    other = f"{other} colds with zinc. Tea is hot."
    assert made == {
        Script.RATIONALE: [("Zinc cures colds.", True), (both, True)],
        Script.ABSTRACT: [(f"{both} Zinc tablets were blue.", True)],
        Script.SENTENCE_BY_SENTENCE: [("Zinc cures colds.", True), ("It was given daily.", True)],
        Script.PADDED: [(both, True), (other, False)],
        Script.WRONG_SENTENCE: [("Zinc tablets were blue.", False)],
        Script.WRONG_DOCUMENT: [(other, False)],
        Script.MISATTRIBUTED: [(other, False)],
        Script.NOTHING: [],
        Script.CONTRADICTING: [("Tea is hot.", False)],
    }
    assert {one.group for one in lines} == {"7", "8"}
    assert [c.quote for one in lines if one.family == Script.MISATTRIBUTED for c in one.citations]


def test_a_rationale_beyond_the_corpus_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"there is no corpus_sents\.jsonl"):
        read_scripted(tmp_path)
    beyond = [{"id": 1, "claim": "a", "evidence": [{**CLAIMS[1]["evidence"][0], "sentences": [3]}]}]
    with pytest.raises(EvaluationError, match="claim 1 rests on a sentence that is not in"):
        read_scripted(scifact(tmp_path, beyond))
    with pytest.raises(EvaluationError, match=r"there is no claims_test\.jsonl"):
        read_scripted(tmp_path, split="test")
    with pytest.raises(EvaluationError, match="no claim has a rationale"):
        read_scripted(scifact(tmp_path, CLAIMS[2:]))
    whole = (tmp_path / "corpus_sents.jsonl.gz").read_bytes()
    (tmp_path / "corpus_sents.jsonl.gz").write_bytes(whole[:-9])
    with pytest.raises(EvaluationError, match="not a whole gzip file"):
        read_scripted(tmp_path)
