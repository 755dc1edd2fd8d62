"""A change of a text as a list of replacements, and the offset map that follows from it."""

from collections.abc import Iterable
from typing import NamedTuple

from verifier.offsets import OffsetMap, Run


class Edit(NamedTuple):
    """Replace `[start, end)` by `replacement`."""

    start: int
    end: int
    replacement: str


def apply_edits(text: str, edits: Iterable[Edit]) -> tuple[str, OffsetMap]:
    """Apply edits in ascending order; of two that overlap, the one that starts first wins.

    Returns:
        The new text, and its map to the old one.
    """
    pieces: list[str] = []
    runs: list[Run] = []
    position = 0
    for start, end, replacement in edits:
        if start < position:
            continue
        kept = start - position
        pieces += (text[position:start], replacement)
        runs += (
            Run(kept, kept, copied=True),
            Run(len(replacement), end - start, copied=len(replacement) == end - start == 1),
        )
        position = end
    kept = len(text) - position
    pieces.append(text[position:])
    runs.append(Run(kept, kept, copied=True))
    return "".join(pieces), OffsetMap.from_runs(runs)
