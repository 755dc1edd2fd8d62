"""Looking for what was erased, in the places where it stood, and saying what was not looked into.

By id and by vector in every generation of the index, by bytes in the files of the catalogue and of
the comments. A probe that could not be made says so, and counts as nothing found by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import make_url, select

from acl.resolve import resolve
from ingestion.generations.gate import sample_callers
from ingestion.index.port import SearchRequest
from ingestion.models import ChunkRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from acl.orm import Database
    from ingestion.context import IngestContext
    from ingestion.erasure.comments import Comments, Remark
    from ingestion.erasure.traces import Traces

_BLOCK: Final = 1 << 20
_NEIGHBOURS: Final = 10
_CUT: Final = 6
_ALWAYS_LEFT: Final = (
    "backups made before, and copies that others made",
    "answers that were given; receipts and the audit keep ids and digests of them",
    "logs of whatever runs around this service",
    "the source itself: what it still lists comes back with its next run",
    "blocks of the disk that the file system has not written again",
)


class Kind(StrEnum):
    """How a probe looks."""

    ID = "id"
    VECTOR = "vector"
    TEXT = "text"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one probe looked for and found.

    Attributes:
        kind: how it looked.
        sought: how many ids, vectors or pieces of bytes.
        found: how many of them were still there.
        detail: where it looked, or why it could not.
    """

    kind: Kind
    sought: int
    found: int
    detail: str


def probe(
    context: IngestContext,
    tenant: str,
    traces: Traces,
    comments: Comments,
    remarks: Collection[Remark],
) -> tuple[Probe, ...]:
    """Look for every trace."""
    return (
        by_id(context, traces),
        by_vector(context, tenant, traces),
        by_text(context, traces, comments, said=bool(remarks)),
        by_comment(tenant, comments, remarks),
    )


def by_comment(tenant: str, comments: Comments, remarks: Collection[Remark]) -> Probe:
    """Ask for the very comments."""
    found = comments.left(tenant, remarks)
    return Probe(Kind.COMMENT, len(remarks), found, "every comment was asked for its text")


def by_id(context: IngestContext, traces: Traces) -> Probe:
    """Ask the index for the very points."""
    sought = sum(len(ids) for ids in traces.points.values())
    # An erasure that is taken up again may know of a generation that was dropped meanwhile; asking
    # for it would make an empty one.
    held = set(context.host.generations())
    found = sum(
        len(context.index(name).has(ids))
        for name, ids in traces.points.items()
        if ids and name in held
    )
    return Probe(Kind.ID, sought, found, "every generation of the index was asked for its points")


def by_vector(context: IngestContext, tenant: str, traces: Traces) -> Probe:
    """Search for the vectors, as a sample of the tenant's users and services.

    Nobody sees everything, and no search can be made without a scope; so it is made as those whom
    the tenant knows.
    """
    sought = sum(len(vectors) for vectors in traces.vectors.values())
    found: set[tuple[str, str]] = set()
    asked = 0
    for caller in sample_callers(context, tenant):
        with context.database.read(tenant) as session:
            scope = resolve(session, caller, now=context.clock())
        if scope.empty:
            continue
        asked += 1
        for generation, vectors in traces.vectors.items():
            index = context.index(generation)
            for ident, vector in vectors:
                request = SearchRequest(np.frombuffer(vector, np.float32), None, _NEIGHBOURS)
                hits = {hit.id for hit in index.search(scope, request).dense}
                found |= {(generation, ident)} if ident in hits else set()
    return Probe(Kind.VECTOR, sought, len(found), f"searched as {asked:,} principals of the tenant")


def by_text(context: IngestContext, traces: Traces, comments: Comments, *, said: bool) -> Probe:
    """Compact the catalogue's file, and read every byte of it and of its log.

    Args:
        context: the installation.
        traces: what to look for.
        comments: the keeper of comments.
        said: whether comments went too, so that the file that they are kept in is looked into.
    """
    file = file_of(context.database)
    if file is None:
        return Probe(Kind.TEXT, 0, 0, "not looked for: the catalogue is not a file of ours")
    files = {file: context.database}
    beside = file_of(comments.database) if said else None
    if beside is not None:
        files.setdefault(beside, comments.database)
    emptied = [_compact(database) for database in files.values()]
    found = {
        piece
        for path in files
        for one in (path, path.with_name(f"{path.name}-wal"))
        for piece in _in(one, traces)
    }
    found -= (elsewhere := _elsewhere(context, found, comments))
    detail = "every byte of the catalogue's file and its log was read"
    if len(files) > 1:
        detail += ", and of the file that comments are kept in"
    if elsewhere:
        detail += f"; {len(elsewhere):,} pieces stand in other documents too"
    if not all(emptied):
        detail += "; the log could not be emptied while somebody was reading"
    return Probe(Kind.TEXT, len(traces.pieces), len(found), detail)


def _elsewhere(context: IngestContext, pieces: Iterable[bytes], comments: Comments) -> set[bytes]:
    """Those of the pieces that a chunk or a comment which stays has, of whichever tenant."""
    stays = set()
    with context.database.unguarded("a text may stand with another tenant too") as session:
        for piece in pieces:
            # A border of the piece may cut a character in two; more that is no text, is no text.
            words = piece.decode("utf-8", "ignore")
            if len(piece) - len(words.encode()) > _CUT:
                continue
            held = select(ChunkRow.id).where(ChunkRow.text.contains(words, autoescape=True))
            if session.scalar(held.limit(1)) is not None or comments.say(words):
                stays.add(piece)
    return stays


def left_out(context: IngestContext) -> tuple[str, ...]:
    """What an erasure does not cover."""
    if file_of(context.database) is None:
        return (*_ALWAYS_LEFT, "dead rows of the database server until its next VACUUM")
    return _ALWAYS_LEFT


def file_of(database: Database) -> Path | None:
    """A database's file; None if it is on a server, or in memory."""
    url = make_url(database.url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _compact(database: Database) -> bool:
    """Write the file anew without what was deleted, and empty its log. False if it stays full."""
    connection = database.writer.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA temp_store=FILE")  # a copy of the catalogue may not fit memory
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy = cursor.fetchall()[0][0]
        cursor.close()
    finally:
        connection.invalidate()  # what was set on it would outlive us in the pool
        connection.close()
    return bool(busy == 0)


def _in(path: Path, traces: Traces) -> set[bytes]:
    """The pieces that stand in a file, read block by block with enough overlap for any piece."""
    overlap = max(map(len, traces.pieces), default=1) - 1
    found: set[bytes] = set()
    if not path.exists():
        return found
    with path.open("rb") as file:
        kept = b""
        while block := file.read(_BLOCK):
            window = kept + block
            found.update(piece for piece in traces.pieces if piece in window)
            kept = window[-overlap:] if overlap else b""
    return found
