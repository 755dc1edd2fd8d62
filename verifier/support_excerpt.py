"""What of the evidence a trained judge gets to read: the sentences that share most with the claim.

A model reads a few hundred characters at a time, evidence may be a book. The same choice is made
for training and for a check, so that the model sees in use what it saw when it learned. What must
never live here: a verdict, or a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.support_windows import Passage, Wanted

MAX_EXCERPT: Final = 640
"""Code points of evidence beside one claim: about four sentences, or 150 tokens."""


def excerpt(wanted: Wanted, everything: Sequence[Passage]) -> str:
    """The sentences that share most of a claim's words, in the order in which they stand.

    Args:
        wanted: the claim.
        everything: every sentence of the evidence; of several texts, one after the other.

    Returns:
        At most ``MAX_EXCERPT`` code points; nothing only if there is no sentence.
    """
    shared = [wanted.overlap(one) for one in everything]
    chosen: list[int] = []
    left = MAX_EXCERPT
    for at in sorted(range(len(everything)), key=lambda place: (-shared[place], place)):
        length = everything[at].end - everything[at].start + 1
        if length <= left:
            chosen.append(at)
            left -= length
        elif not chosen:
            return everything[at].reading.text[:MAX_EXCERPT]
    return " ".join(everything[at].reading.text for at in sorted(chosen))
