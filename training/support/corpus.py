"""Where the pairs come from: every collection as its authors labelled it.

`DIR` is the folder that `training/fit_support.py` is told; its README names each set's licence.
What must never live here: a pair that nobody labelled (`made`), or a model.
"""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any, Final

from support.pairs import CONTRADICTED, NOT_ENOUGH, NOT_SUPPORTED, SUPPORTED, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.pairs import Truth

LONGEST: Final = 20_000
"""Characters of evidence; what is longer is cut."""

_SCIFACT: Final = {"SUPPORT": SUPPORTED, "CONTRADICT": CONTRADICTED}
_SNLI: Final = {
    "entailment": SUPPORTED,
    "contradiction": CONTRADICTED,
    "neutral": NOT_ENOUGH,
}
_STANCES: Final = {
    "completely-support": SUPPORTED,
    "refute": CONTRADICTED,
    "irrelevant": NOT_ENOUGH,
}


def labelled(data: Path) -> list[Pair]:
    """Read the collections under `DIR/support`, but for SciFact.

    Factcheck-GPT's partial support is left out: what a claim may not say is told by none of the
    three verdicts.
    """
    folder = data / "support"
    return [
        *_attributionbench(folder / "attributionbench" / "dev_all_subset_balanced.jsonl"),
        *_fm2(folder / "fm2" / "dev.jsonl"),
        *_q2(folder / "q2_wow" / "cross_annotation.csv"),
        *_factcheck(folder / "factcheck_gpt" / "subtask3_claim_evidence_stance.jsonl"),
        *_snli(folder / "snli" / "snli_test_10k.tsv"),
    ]


def abstracts(data: Path) -> dict[str, list[str]]:
    """The sentences of SciFact's abstracts, by document."""
    path = data / "support" / "scifact_beir" / "corpus_sents.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return {str(entry["_id"]): [one.strip() for one in entry["sents"]] for entry in entries}


def scifact(data: Path, part: str, texts: dict[str, list[str]]) -> list[Pair]:
    """Read SciFact: claims with their rationales, and with cited abstracts that do not tell.

    Args:
        data: `DIR`.
        part: `train` or `dev`.
        texts: the abstracts.
    """
    found = []
    for entry in _lines(data / "support" / "scifact_beir" / f"claims_{part}.jsonl"):
        claim, group = entry["claim"], f"scifact-{entry['id']}"
        for one in entry["evidence"]:
            stated = [texts[str(one["doc_id"])][at] for at in one["sentences"]]
            truth = _SCIFACT[one["label"]]
            found.append(Pair(claim, " ".join(stated), truth, "scifact", group))
        if not entry["evidence"]:
            found += [
                Pair(claim, " ".join(texts[str(doc)]), NOT_ENOUGH, "scifact", group)
                for doc in entry["cited_doc_ids"][:1]
            ]
    return found


def scifact_abstracts(data: Path, part: str, texts: dict[str, list[str]]) -> list[Pair]:
    """The same claims with whole abstracts: a model has to find the rationale by itself."""
    found = []
    for entry in _lines(data / "support" / "scifact_beir" / f"claims_{part}.jsonl"):
        verdicts = {str(one["doc_id"]): _SCIFACT[one["label"]] for one in entry["evidence"]}
        for doc in dict.fromkeys(map(str, entry["cited_doc_ids"])):
            truth = verdicts.get(doc, NOT_ENOUGH)
            whole = " ".join(texts[doc])
            found.append(
                Pair(entry["claim"], whole, truth, "scifact_abstracts", f"scifact-{entry['id']}")
            )
    return found


def fm2_retrieved(data: Path) -> list[Pair]:
    """FoolMeTwice's claims with what a search found, its gold sentences among it."""
    found = []
    for entry in _lines(data / "support" / "fm2" / "dev.jsonl"):
        gold = [part["text"] for part in entry["gold_evidence"]]
        others = [part["text"] for part in entry["retrieved_evidence"]][:6]
        text = " ".join(dict.fromkeys([*others[:3], *gold, *others[3:]]))
        found.append(_of_fm2(entry, text))
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _fm2(path: Path) -> Iterator[Pair]:
    for entry in _lines(path):
        yield _of_fm2(entry, " ".join(part["text"] for part in entry["gold_evidence"]))


def _of_fm2(entry: dict[str, Any], evidence: str) -> Pair:
    truth: Truth = SUPPORTED if entry["label"] == "SUPPORTS" else CONTRADICTED
    return Pair(entry["text"], evidence, truth, "fm2", f"fm2-{entry['wikipedia_page']}")


def _attributionbench(path: Path) -> Iterator[Pair]:
    for entry in _lines(path):
        evidence = "\n".join(entry["references"])[:LONGEST]
        truth = SUPPORTED if entry["attribution_label"] == "attributable" else NOT_SUPPORTED
        group = f"attributionbench-{entry['question']}"
        yield Pair(entry["claim"], evidence, truth, "attributionbench", group)


def _q2(path: Path) -> Iterator[Pair]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            for model in ("dodeca", "memnet"):
                truth = NOT_SUPPORTED if row[f"{model}_label"] == "1" else SUPPORTED
                response, knowledge = row[f"{model}_response"].strip(), row["knowledge"]
                yield Pair(response, knowledge, truth, "q2", f"q2-{row['episode_idx']}")


def _factcheck(path: Path) -> Iterator[Pair]:
    for entry in _lines(path):
        truth = _STANCES.get(entry["stance"])
        if truth is not None:
            claim = entry["claim"]
            yield Pair(claim, entry["evidence"], truth, "factcheck_gpt", f"factcheck-{claim}")


def _snli(path: Path) -> Iterator[Pair]:
    with path.open(encoding="utf-8", newline="") as lines:
        for premise, hypothesis, label in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if label in _SNLI:
                yield Pair(hypothesis, premise, _SNLI[label], "snli", f"snli-{premise}")
