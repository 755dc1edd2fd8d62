"""Fit the relevance gate (``retrieval/relevance.json``) and report how it does on held-out sets.

    clearance demo && python training/fit_relevance.py --data DIR --demo .demo [--write]

``DIR`` holds ``support/attributionbench`` (fitted on), and ``support/scifact_beir`` and
``retrieval/xquad_en`` (only reported: the one because its queries are claims and not questions,
the other because its licence is for evaluation). Every other question of the demo is fitted on,
the rest only reported.

A question of a data set is asked twice: of a corpus that holds its passage, and of one from which
it was taken. A pair is (question, candidate among the best ten by cosine); the passage itself is a
positive, the candidates of the second asking are negatives. The decision that counts is made per
question, on the best candidate: is there evidence at all? So after the logistic regression the
bias is set where ``SILENCED`` of the answerable fitting questions, averaged over the sets, would
be answered with ``no_evidence``: a wrongly silent service is worse than a weak piece of evidence
that says how weak it is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from acl.caller import Caller
from acl.principal import Principal
from ingestion.chunking import embedded_text
from ingestion.embedding.factory import create_embedder
from retrieval import pipeline
from retrieval.demo.scenario import Question, Unanswerable, load
from retrieval.query import RetrieveRequest
from retrieval.relevance import Asked, cosine
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.catalog import StoredChunk
    from ingestion.embedding.port import Embedder, Vector
    from retrieval.gate import Judged

SEED = 7
CANDIDATES = 10
FIGURES = ("cosine", "coverage", "missing")
SILENCED = 0.09
MAX_PASSAGES = 700
MAX_QUESTIONS = 150
WEIGHTS = Path(__file__).parent.parent / "retrieval" / "relevance.json"


@dataclass(frozen=True)
class Questions:
    """Passages, questions, and for each question the indices of the passages that bear on it."""

    name: str
    passages: list[str]
    asked: list[tuple[str, set[int]]]


def scifact(folder: Path) -> Questions:
    """Claims of the training split and the abstracts judged relevant to them."""
    with gzip.open(folder / "corpus_sents.jsonl.gz", "rt", encoding="utf-8") as lines:
        corpus = {}
        for line in lines:
            row = json.loads(line)
            ident = str(row.get("doc_id", row.get("_id")))
            body = row.get("abstract") or row.get("sentences") or row.get("sents")
            corpus[ident] = f"{row.get('title', '')}\n{' '.join(body)}"
    queries = {}
    for line in (folder / "queries.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        queries[str(row["_id"])] = row["text"]
    judged: dict[str, set[str]] = {}
    for line in (folder / "qrels_train.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")[:3]
        if int(grade) > 0 and document in corpus and query in queries:
            judged.setdefault(query, set()).add(document)
    kept = sorted({document for documents in judged.values() for document in documents})
    rest = sorted(set(corpus) - set(kept))
    random.Random(SEED).shuffle(rest)
    order = (kept + rest)[:MAX_PASSAGES]
    place = {document: index for index, document in enumerate(order)}
    asked = [
        (queries[query], {place[d] for d in documents if d in place})
        for query, documents in sorted(judged.items())
    ]
    kept_questions = [question for question in asked if question[1]]
    random.Random(SEED).shuffle(kept_questions)
    return Questions("scifact train", [corpus[d] for d in order], kept_questions[:MAX_QUESTIONS])


def attributionbench(folder: Path) -> Questions:
    """Questions and the references their attributable answers rest on."""
    passages: dict[str, int] = {}
    asked: dict[str, set[int]] = {}
    for line in (folder / "dev_all_subset_balanced.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if len(asked) >= MAX_QUESTIONS and row["question"] not in asked:
            continue
        for reference in row["references"]:
            index = passages.setdefault(reference[:1_500], len(passages))
            if row["attribution_label"] == "attributable" and row["question"]:
                asked.setdefault(row["question"], set()).add(index)
    return Questions("attributionbench dev", list(passages), sorted(asked.items()))


def xquad(folder: Path) -> Questions:
    """Wikipedia paragraphs and questions on them."""
    passages: dict[str, int] = {}
    asked = []
    for line in (folder / "test_en.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        asked.append((row["question"], {passages.setdefault(row["context"], len(passages))}))
    return Questions("xquad", list(passages), asked)


Pair = tuple[tuple[float, float, float], int]
Rows = tuple[list[Pair], list[list[int]], list[list[int]]]


def pair_of(asked: Asked, near: float, embedded: str, *, right: bool) -> Pair:
    """The figures of a question and a chunk, and whether the chunk holds the answer."""
    words = asked.within(embedded)
    return (near, words.coverage, float(words.missing)), int(right)


def candidates(embedder: Embedder, questions: Questions) -> Rows:
    """Features of (question, candidate) pairs, and pair numbers with and without the passage."""
    passages = embedder.embed_documents(questions.passages)
    vectors = embedder.embed_documents([question for question, _ in questions.asked])
    pairs: list[Pair] = []
    present, absent = [], []
    for (question, relevant), vector in zip(questions.asked, vectors, strict=True):
        asked = Asked.of(question)
        scores = passages @ vector
        best = [int(i) for i in np.argsort(-scores)[: CANDIDATES + len(relevant)]]
        numbers = {}
        for index in best:
            numbers[index] = len(pairs)
            passage, near = questions.passages[index], float(scores[index])
            pairs.append(pair_of(asked, near, passage, right=index in relevant))
        present.append([numbers[i] for i in best[:CANDIDATES]])
        absent.append([numbers[i] for i in best if i not in relevant][:CANDIDATES])
    return pairs, present, absent


def demo(data_dir: Path) -> tuple[Rows, Rows]:
    """The demo's questions, asked by who may ask them: half to fit on, half to report.

    The pairs are those that the gate itself is shown.
    """
    scenario = load()
    halves: tuple[Rows, Rows] = (([], [], []), ([], [], []))
    asked: list[Question | Unanswerable] = [*scenario.questions, *scenario.unanswerable]
    with Runtime.open(Settings(data_dir=data_dir.resolve(), min_relevance=0.0)) as runtime:
        for number, question in enumerate(asked):
            words = question.expect_text if isinstance(question, Question) else None
            pairs, present, absent = halves[number % 2]
            group = []
            for near, embedded, text in shown_to_the_gate(runtime, question):
                right = words is not None and words in " ".join(text.split())
                group.append(len(pairs))
                pairs.append(pair_of(Asked.of(question.query), near, embedded, right=right))
            if group:
                (present if words is not None else absent).append(group)
    return halves


def shown_to_the_gate(
    runtime: Runtime, question: Question | Unanswerable
) -> list[tuple[float, str, str]]:
    """Of each candidate: cosine, embedded text and text."""
    shown: list[tuple[float, str, str]] = []
    judge = pipeline.judge

    def listening(
        query: str, vector: Vector | None, chunks: Sequence[StoredChunk], *, embedder: str
    ) -> list[Judged]:
        for chunk in chunks:
            path = tuple(chunk.heading_path.split("\n")) if chunk.heading_path else ()
            if vector is not None and chunk.vector is not None:
                near = cosine(vector, chunk.vector)
                shown.append((near, embedded_text(path, chunk.text), chunk.text))
        return judge(query, vector, chunks, embedder=embedder)

    pipeline.judge = listening
    try:
        pipeline.retrieve(
            runtime,
            Caller(question.tenant, Principal.parse(question.caller)),
            RetrieveRequest(query=question.query),
            request_id="fit",
        )
    finally:
        pipeline.judge = judge
    return shown


def f1(found: np.ndarray, missing: np.ndarray, threshold: float) -> tuple[float, float, float]:
    """Precision, recall and F1 of saying ``no_evidence`` below ``threshold``."""
    true = float(np.sum(missing < threshold))
    false = float(np.sum(found < threshold))
    precision = true / max(1.0, true + false)
    recall = true / max(1, len(missing))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def best_of(logits: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    """The highest logit of each group of pairs."""
    return np.array([max(logits[group]) for group in groups])


def main() -> None:
    """Fit, report, and write the weights if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--demo", type=Path, required=True, help="data directory of the demo")
    parser.add_argument("--write", action="store_true", help="store the weights in the package")
    options = parser.parse_args()
    embedder = create_embedder("onnx:all-MiniLM-L6-v2")
    fitted_on = [attributionbench(options.data / "support" / "attributionbench")]
    held_out = [
        scifact(options.data / "support" / "scifact_beir"),
        xquad(options.data / "retrieval" / "xquad_en"),
    ]
    rows = {q.name: candidates(embedder, q) for q in [*fitted_on, *held_out]}
    rows["demo, fitted half"], rows["demo, other half"] = demo(options.demo)
    fitting = [*(questions.name for questions in fitted_on), "demo, fitted half"]
    features, labels, weights = [], [], []
    for name in fitting:
        pairs, present, absent = rows[name]
        chosen = [n for group in present for n in group if pairs[n][1]]
        chosen += [n for group in absent for n in group[:3]]
        features += [pairs[n][0] for n in chosen]
        labels += [pairs[n][1] for n in chosen]
        weights += [1.0 / len(chosen)] * len(chosen)  # each set counts alike
    model = LogisticRegression(class_weight="balanced", C=100.0)
    model.fit(np.array(features), np.array(labels), sample_weight=np.array(weights) * len(labels))
    slope = model.coef_[0]
    logits = {
        name: np.array([figures for figures, _ in data[0]]) @ slope for name, data in rows.items()
    }
    cuts = [np.quantile(best_of(logits[name], rows[name][1]), SILENCED) for name in fitting]
    bias = -float(np.mean(cuts))
    fitted = {"bias": round(bias, 3)} | {
        name: round(float(weight), 3) for name, weight in zip(FIGURES, slope, strict=True)
    }
    print(fitted)
    for name, (_, present, absent) in rows.items():
        found = best_of(logits[name], present)
        missing = best_of(logits[name], absent)
        precision, recall, score = f1(found, missing, -bias)
        pairs_above = float(np.mean(found[:, None] > missing[None, :]))
        print(
            f"{name:22} questions {len(found):5}  no_evidence precision {precision:.3f} "
            f"recall {recall:.3f} F1 {score:.3f}  AUROC {pairs_above:.3f}"
        )
    if options.write:
        table = json.loads(WEIGHTS.read_text("utf-8"))
        table["models"]["all-MiniLM-L6-v2"] = fitted
        WEIGHTS.write_text(json.dumps(table, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
