"""A scripted answerer: drafts made by rule out of judged claims, so that their citations are known.

Read from the layout of SciFact (D. Wadden et al., "Fact or fiction: verifying scientific claims",
EMNLP 2020): abstracts cut into sentences, and claims with *rationales*, sets of sentences each of
which supports or contradicts the claim by itself. Each claim is stated once for each way of citing.
What never lives here: judging.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ingestion.errors import EvaluationError
from retrieval.evaluation.lines import (
    MAX_CITATIONS,
    CitationLine,
    CitedLine,
    Plain,
    read_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_Id = Annotated[str, BeforeValidator(str), StringConstraints(min_length=1, max_length=256)]
_WORD: Final = re.compile(r"[a-z0-9]{3,}")


class Script(StrEnum):
    """How the answerer cites what it states."""

    RATIONALE = "rationale"
    """The sentences of each rationale, a citation each: all of them help."""

    ABSTRACT = "whole abstract"
    """The whole abstract in which a rationale stands."""

    SENTENCE_BY_SENTENCE = "sentence by sentence"
    """A rationale of several sentences, a citation each: none may be missing, so each helps."""

    PADDED = "rationale and another"
    """A rationale, and the likest passage of a wrong document: the first helps, the second not."""

    WRONG_SENTENCE = "wrong sentence"
    """Of the right abstract, the sentence likest to the claim that stands in no rationale."""

    WRONG_DOCUMENT = "wrong document"
    """The likest passage of another document."""

    MISATTRIBUTED = "misattributed quote"
    """A rationale word for word, in quotation marks, cited from another document."""

    CONTRADICTING = "contradicting"
    """A rationale that contradicts the claim."""

    NOTHING = "nothing"
    """No citation at all."""


class _Abstract(Plain):
    """An abstract in sentences."""

    like: ClassVar[str] = '{"_id": "...", "sents": ["...", "..."]}'

    id: _Id = Field(alias="_id")
    sents: tuple[str, ...] = Field(min_length=1)


class _Rationale(Plain):
    doc_id: _Id
    label: Literal["SUPPORT", "CONTRADICT"]
    sentences: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)


class _Claim(Plain):
    """A claim with its rationales."""

    like: ClassVar[str] = (
        '{"id": "...", "claim": "...", "cited_doc_ids": ["..."], "evidence": '
        '[{"doc_id": "...", "label": "SUPPORT", "sentences": [2, 5]}]}'
    )

    id: _Id
    claim: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    cited_doc_ids: tuple[_Id, ...] = ()
    evidence: tuple[_Rationale, ...] = ()


def read_scripted(directory: Path, *, split: str = "dev") -> list[CitationLine]:
    """Every claim of a split that has a rationale, stated in each way that it allows.

    Args:
        directory: with ``corpus_sents.jsonl`` or ``corpus.jsonl`` and ``claims_SPLIT.jsonl``,
            gzipped or not.
        split: such as ``dev``.

    Raises:
        EvaluationError: a file is missing, a line is malformed (file, line and field are named), or
            a rationale is not in the corpus.
        OSError: a file cannot be read.
    """
    corpus = _file(directory, "corpus_sents.jsonl", "corpus.jsonl")
    abstracts = {
        one.id: tuple(s.strip() for s in one.sents) for one in read_lines(corpus, _Abstract)
    }
    claims = read_lines(_file(directory, f"claims_{split}.jsonl"), _Claim)
    for claim in claims:
        for rationale in claim.evidence:
            if max(rationale.sentences) >= len(abstracts.get(rationale.doc_id, ())):
                raise EvaluationError(
                    f"claims_{split}.jsonl: claim {claim.id} rests on a sentence that is not in "
                    f"{corpus.name}; take both from one release"
                )
    likeness = _Likeness(abstracts)
    lines = [line for claim in claims for line in _stated(claim, abstracts, likeness)]
    if not lines:
        raise EvaluationError(f"claims_{split}.jsonl: no claim has a rationale; take another split")
    return lines


def _file(directory: Path, *names: str) -> Path:
    for name in names:
        for path in (directory / name, directory / f"{name}.gz"):
            if path.is_file():
                return path
    raise EvaluationError(f"--data: there is no {names[0]} in {directory.name or directory}")


def _stated(
    claim: _Claim, abstracts: Mapping[str, Sequence[str]], likeness: _Likeness
) -> Iterator[CitationLine]:
    """One claim in every way of citing that its rationales allow."""

    def line(script: Script, *cited: CitedLine) -> CitationLine:
        return CitationLine(
            claim=claim.claim,
            citations=cited[:MAX_CITATIONS],
            supported=any(one.helps for one in cited),
            family=script.value,
            group=claim.id,
        )

    def text(rationale: _Rationale) -> str:
        return " ".join(abstracts[rationale.doc_id][at] for at in sorted(rationale.sentences))

    against = [one for one in claim.evidence if one.label == "CONTRADICT"]
    if against:
        yield line(Script.CONTRADICTING, *(_useless(text(one)) for one in against))
    support = [one for one in claim.evidence if one.label == "SUPPORT"]
    if not support:
        return
    first, stated = support[0], {text(one) for one in support}
    yield line(Script.RATIONALE, *(CitedLine(text=one, helps=True) for one in sorted(stated)))
    whole = " ".join(abstracts[first.doc_id])
    yield line(Script.ABSTRACT, CitedLine(text=whole, helps=True))
    if len(first.sentences) > 1:
        parts = (abstracts[first.doc_id][at] for at in sorted(first.sentences))
        yield line(
            Script.SENTENCE_BY_SENTENCE, *(CitedLine(text=part, helps=True) for part in parts)
        )
    judged = {*claim.cited_doc_ids, *(one.doc_id for one in claim.evidence)}
    other = likeness.passage(claim.claim, but=judged)
    wrong = _useless(other)
    yield line(Script.PADDED, CitedLine(text=text(first), helps=True), wrong)
    used = {at for one in support if one.doc_id == first.doc_id for at in one.sentences}
    rest = [s for at, s in enumerate(abstracts[first.doc_id]) if at not in used]
    if rest:
        yield line(Script.WRONG_SENTENCE, _useless(likeness.likest(claim.claim, rest)))
    yield line(Script.WRONG_DOCUMENT, wrong)
    yield line(Script.MISATTRIBUTED, CitedLine(text=other, quote=text(first), helps=False))
    yield line(Script.NOTHING)


def _useless(text: str) -> CitedLine:
    return CitedLine(text=text, helps=False)


class _Likeness:
    """Which texts share most with a claim: words that occur in few documents weigh more."""

    def __init__(self, abstracts: Mapping[str, Sequence[str]]) -> None:
        self._abstracts = abstracts
        self._words = {name: _words(" ".join(sents)) for name, sents in abstracts.items()}
        self._spread = Counter(word for words in self._words.values() for word in words)

    def passage(self, claim: str, *, but: set[str]) -> str:
        """Of the likest document that is not named, three sentences around the likest one."""
        wanted = _words(claim)
        names = [name for name in self._abstracts if name not in but]
        if not names:
            raise EvaluationError("the corpus holds no document that a claim is not judged by")
        name = max(names, key=lambda name: (self._shared(wanted, self._words[name]), name))
        sentences = self._abstracts[name]
        middle = sentences.index(self.likest(claim, sentences))
        return " ".join(sentences[max(0, middle - 1) : middle + 2])

    def likest(self, claim: str, sentences: Sequence[str]) -> str:
        """The sentence that shares most with a claim; of equals the first."""
        wanted = _words(claim)
        return max(sentences, key=lambda sentence: self._shared(wanted, _words(sentence)))

    def _shared(self, wanted: frozenset[str], words: frozenset[str]) -> float:
        count = len(self._abstracts)
        # In a fixed order: what is summed must not depend on how a set happens to be laid out.
        return sum(math.log1p(count / self._spread[word]) for word in sorted(wanted & words))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
