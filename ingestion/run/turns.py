"""What of a listing may be compared at once.

All that there is: every name stands in it once. Not all that happened: what happened to a document
first must be written before what happened next is compared with it, or the order would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.documents import SourceFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingestion.run.scratch import Listed


def turns(page: Iterable[Listed]) -> Iterator[list[Listed]]:
    """A page of a stream, in runs that name nothing twice; failures stand alone."""
    together: list[Listed] = []
    names: set[str] = set()
    for one in page:
        former = getattr(one.entry, "formerly", None)
        own = {one.entry.external_id, *([former] if former else [])}
        alone = isinstance(one.entry, SourceFailure)
        if together and (alone or names & own):
            yield together
            together, names = [], set()
        together.append(one)
        names |= own
        if alone:
            yield together
            together, names = [], set()
    if together:
        yield together
