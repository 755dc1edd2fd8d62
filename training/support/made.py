"""Pairs that nobody labelled, because how they were made tells what they are.

A sentence supports itself, in the text it stands in; with one thing turned, it is contradicted. A
claim that one text supports is not told by another that is merely about the like. What must never
live here: the reading of a collection.
"""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from support.flipping import denied, misstated, opposite
from support.pairs import CONTRADICTED, NOT_ENOUGH, SUPPORTED, Pair
from verifier.support_windows import passages

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS: Final = re.compile(r"[a-z]{4,}")
_TURNS: Final = (opposite, denied, misstated)
_FEWEST_WORDS: Final = 8
_MOST_WORDS: Final = 40


def turned(pairs: Sequence[Pair], *, seed: int, weight: float = 0.7) -> list[Pair]:
    """Turn supported claims into contradicted ones, and back where one word turned them.

    A figure or a "not" that is turned back does not make a false claim true; an opposite mostly
    does.
    """
    random = Random(seed)
    made = []
    for pair in pairs:
        turns = _TURNS if pair.truth == SUPPORTED else (opposite,)
        if pair.truth not in {SUPPORTED, CONTRADICTED}:
            continue
        truth = CONTRADICTED if pair.truth == SUPPORTED else SUPPORTED
        for turn in turns:
            claim = turn(pair.claim, random)
            if claim is not None and claim != pair.claim:
                made.append(replace(pair, claim=claim, truth=truth, weight=weight))
    return made


def own_sentences(texts: Sequence[Sequence[str]], *, seed: int, source: str) -> list[Pair]:
    """One sentence of each text, held against the text: as it stands, turned, and taken out."""
    random = Random(seed)
    made = []
    for number, sentences in enumerate(texts):
        fit = [
            at
            for at, one in enumerate(sentences)
            if _FEWEST_WORDS <= len(one.split()) <= _MOST_WORDS and one.endswith(".")
        ]
        if not fit:
            continue
        at = random.choice(fit)
        claim, whole = sentences[at], " ".join(sentences)
        without = " ".join((*sentences[:at], *sentences[at + 1 :]))
        group = f"{source}-text-{number}"
        made.append(Pair(claim, whole, SUPPORTED, source, group, 0.3))
        if without:
            made.append(Pair(claim, without, NOT_ENOUGH, source, group, 0.3))
        for turn in _TURNS:
            other = turn(claim, random)
            if other is not None and other != claim:
                made.append(Pair(other, whole, CONTRADICTED, source, group, 0.5))
    return made


def elsewhere(
    pairs: Sequence[Pair], texts: Sequence[str], *, seed: int, each: int = 1, weight: float = 0.7
) -> list[Pair]:
    """Hold claims against texts about the like.

    Args:
        pairs: labelled pairs; each claim is used once.
        texts: where to look: the text that shares most words with a claim, but for texts that
            share a sentence with any of its own evidence, is the one it is held against.
        seed: of the choice among the closest.
        each: texts for a claim.
        weight: of the pairs.
    """
    random = Random(seed)
    words = [frozenset(_WORDS.findall(text.lower())) for text in texts]
    rare: dict[str, list[int]] = {}
    for at, found in enumerate(words):
        for word in found:
            rare.setdefault(word, []).append(at)
    own: dict[str, str] = {}
    for pair in pairs:
        own[pair.claim] = own.get(pair.claim, "") + " " + pair.evidence
    made = []
    for pair in {one.claim: one for one in pairs}.values():
        shares: dict[int, float] = {}
        for word in set(_WORDS.findall(pair.claim.lower())):
            holders = rare.get(word, ())
            for at in holders:
                shares[at] = shares.get(at, 0.0) + 1 / (5 + len(holders))
        mine = frozenset(_WORDS.findall(own[pair.claim].lower()))
        close = [
            at
            for at in sorted(shares, key=lambda at: (-shares[at], at))[: 8 + each]
            if len(mine & words[at]) < 0.6 * min(len(mine), len(words[at]))
        ]
        made += [
            replace(pair, evidence=texts[at], truth=NOT_ENOUGH, weight=weight)
            for at in random.sample(close[:6], min(each, len(close[:6])))
        ]
    return made


def beside_rationale(pairs: Sequence[Pair], texts: Sequence[Sequence[str]]) -> list[Pair]:
    """Hold rationales in their context: with the sentences around, in the order they stand.

    Args:
        pairs: claims with rationales taken out of the texts.
        texts: sentences of each text.
    """
    holds = {one: at for at, sentences in enumerate(texts) for one in sentences}
    made = []
    for pair in pairs:
        if pair.truth == NOT_ENOUGH:
            continue
        first = next((at for one, at in holds.items() if pair.evidence.startswith(one)), None)
        if first is None:
            continue
        whole = replace(pair, evidence=" ".join(texts[first]), weight=0.7)
        read = whole.excerpt
        parts = [pair.evidence[s.start : s.end] for s in passages(pair.evidence)]
        if any(part in read for part in parts):
            made.append(whole)
    return made
