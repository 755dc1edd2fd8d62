"""Evidence text cut where findings begin and end, so that a page can mark them and escape the rest.

Pure, and only ever text: what marks it is in the template.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.evidence import Evidence, Finding


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a text, and whether it lies within a finding."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two pieces of one answer that disagree."""

    one: Evidence
    other: Evidence


def stretches(text: str, findings: Sequence[Finding]) -> list[Stretch]:
    """``text`` in stretches, which joined are ``text``; findings may touch and overlap.

    Args:
        text: as served.
        findings: with offsets in code points of ``text``; what lies outside of it counts to its
            edge.
    """
    spans = sorted((max(0, f.start), min(len(text), f.end)) for f in findings)
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    found, at = [], 0
    for start, end in merged:
        found += [Stretch(text[at:start], marked=False), Stretch(text[start:end], marked=True)]
        at = end
    found.append(Stretch(text[at:], marked=False))
    return [one for one in found if one.text]


def disputes(evidence: Sequence[Evidence]) -> list[Dispute]:
    """Each pair that disagrees, once, in the order of the answer."""
    by_id = {piece.id: piece for piece in evidence}
    order = {ident: at for at, ident in enumerate(by_id)}
    pairs = {
        tuple(sorted((piece.id, other), key=order.__getitem__))
        for piece in evidence
        for other in piece.conflicts_with
        if other in by_id
    }
    ordered = sorted(pairs, key=lambda pair: [order[ident] for ident in pair])
    return [Dispute(by_id[one], by_id[other]) for one, other in ordered]
