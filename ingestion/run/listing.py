"""The first step of a run: what the source lists, noted to the end before anything is changed.

To the end, because a listing that breaks off must delete nothing, because only then is it known
how much there is to do, and because a name may be listed twice. What never lives here: content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingestion.acl_stamp import stamp
from ingestion.documents import SourceFailure, SourceItem
from ingestion.sources.base import TellsChanges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ingestion.run.scratch import Entry, Scratch
    from ingestion.sources.base import Source

_ASK_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing was.

    Attributes:
        items: how many documents it named, those without an ACL included.
        stream: whether it was what happened, one thing after the other, instead of all there is.
            Only of all there is can anything be absent.
        cursor: where the next run goes on from; None for a source that tells no changes.
        concealed: whether something unreadable in it may stand for any document, so that what is
            absent is not known to be gone.
        cancelled: whether it was broken off because the run was to stop.
    """

    items: int
    stream: bool
    cursor: str | None
    concealed: bool = False
    cancelled: bool = False


def walk(
    source: Source,
    scratch: Scratch,
    acl_ids: Mapping[str, str],
    *,
    cursor: str | None,
    cancelled: Callable[[], bool],
) -> Listing:
    """Note everything the source lists, or everything that changed since ``cursor``.

    Args:
        source: what to list.
        scratch: where to.
        acl_ids: ids of the source's ACLs, by name.
        cursor: how far a source that tells changes was read; None for everything.
        cancelled: asked now and then whether to stop.

    Raises:
        SourceError: the source cannot be read.
    """
    entries: Iterable[Entry]
    stream, following = False, None
    if isinstance(source, TellsChanges):
        changes = source.changes(cursor)
        entries, stream, following = changes.items, not changes.complete, changes.cursor
    else:
        entries = source.list_items()
    items, concealed = 0, False
    for number, entry in enumerate(entries):
        if not number % _ASK_EVERY and cancelled():
            return Listing(items, stream=stream, cursor=None, cancelled=True)
        items += _note(scratch, entry, acl_ids, stream=stream)
        concealed |= isinstance(entry, SourceFailure) and entry.conceals
    return Listing(items, stream, following, concealed)


def _note(scratch: Scratch, entry: Entry, acl_ids: Mapping[str, str], *, stream: bool) -> bool:
    """Note one entry; True if it offers a document."""
    acl_id: str | None = None
    noted: Entry = entry
    if isinstance(entry, SourceItem):
        stamped = stamp(entry, acl_ids)
        if isinstance(stamped, SourceFailure):
            noted = stamped
        else:
            acl_id = stamped
    # What happened may happen twice to one document; what there is, is there once.
    if scratch.add(noted, acl_id, again=stream):
        return isinstance(entry, SourceItem)
    twice = SourceFailure(
        entry.external_id,
        "duplicate_id",
        "its name is listed twice, and only the first was taken: give each document its own",
    )
    scratch.refuse(twice)
    return False
