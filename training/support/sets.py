"""What is trained on and what is reported on, collection by collection.

Whole collections are left out, with everything that was made of them, so that a report is never on
texts a model has seen. SciFact is dealt by its authors: its development part is reported
on alone. What must never live here: a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from support import corpus, made
from support.pairs import SUPPORTED, of_source

if TYPE_CHECKING:
    from pathlib import Path

    from support.pairs import Pair

SEED: Final = 11
FOLDS: Final = (("attributionbench", "fm2"),)
"""What is left out together, to be reported on by a model that never saw it.

Each fold costs a training of its own.
"""

_OWN_SCIENCE: Final = 300
_OWN_WIKI: Final = 250
_TURNED_PREMISES: Final = 1200


@dataclass(frozen=True, slots=True)
class Sets:
    """Pairs to learn from, and to report on.

    Attributes:
        labelled: by people, in the collections that are left out in turn.
        others: SciFact's training part, and all that was made.
        dev: SciFact's development part: claims with their rationales.
        dev_abstracts: the same with whole abstracts.
    """

    labelled: list[Pair]
    others: list[Pair]
    dev: list[Pair]
    dev_abstracts: list[Pair]

    @property
    def train(self) -> list[Pair]:
        """What may be learned from."""
        return [*self.labelled, *self.others]

    @property
    def all(self) -> list[Pair]:
        """All of them, in this order."""
        return [*self.train, *self.dev, *self.dev_abstracts]


def assembled(data: Path) -> Sets:
    """Read the collections and make what is made of them; always the same way."""
    texts = corpus.abstracts(data)
    dev = corpus.scifact(data, "dev", texts)
    dev_abstracts = corpus.scifact_abstracts(data, "dev", texts)
    told = {pair.claim for pair in dev_abstracts}
    shown = {pair.evidence for pair in dev_abstracts}
    free = [one for one in texts.values() if " ".join(one) not in shown]
    science = corpus.scifact(data, "train", texts)
    found = corpus.labelled(data)
    retrieved = corpus.fm2_retrieved(data)
    premises = [pair for pair in of_source(found, "snli") if pair.truth == SUPPORTED]
    wiki = [pair.evidence.split(". ") for pair in retrieved]
    wiki = [[one.rstrip(".") + "." for one in sentences] for sentences in wiki]
    random = Random(SEED)
    facts = of_source(found, "fm2")
    others = [
        *retrieved,
        *science,
        *made.beside_rationale(science, list(texts.values())),
        *made.elsewhere(science, [" ".join(one) for one in free], seed=SEED),
        *made.elsewhere(facts, [pair.evidence for pair in retrieved], seed=SEED, weight=0.4),
        *made.turned(science, seed=SEED),
        *made.turned(facts, seed=SEED, weight=0.5),
        *made.turned(of_source(found, "factcheck_gpt"), seed=SEED, weight=0.5),
        *made.turned(random.sample(premises, _TURNED_PREMISES), seed=SEED, weight=0.3),
        *made.own_sentences(random.sample(free, _OWN_SCIENCE), seed=SEED, source="science"),
        *made.own_sentences(random.sample(wiki, _OWN_WIKI), seed=SEED, source="fm2"),
    ]
    others = [pair for pair in others if pair.claim not in told]
    return Sets(found, others, dev, dev_abstracts)
