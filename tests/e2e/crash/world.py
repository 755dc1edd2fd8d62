"""Two installations to compare, the folder they ingest, and all that a killed one may be asked."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from acl.models import AclContentRow, AclRow, Installation
from acl.orm import Database, utc_now
from ingestion.models import ChunkRow, ChunkState, DocumentRow, OccurrenceRow, VersionRow
from ingestion.rows import row_hash
from retrieval.runtime import Runtime
from retrieval.schema import upgrade
from retrieval.settings import Settings

if TYPE_CHECKING:
    import random
    from pathlib import Path

SECRET = bytes(range(32))
_WORDS = ("ledger", "audit", "branch", "vault", "transfer", "limit", "officer", "approval")


def settings(data_dir: Path) -> Settings:
    """A small, quick installation."""
    return Settings(data_dir=data_dir, embedder="hash:32", index_idle_seconds=20)


def prepare(data_dir: Path) -> None:
    """Give an installation its secret, so that two of them make the same ids."""
    data_dir.mkdir(parents=True)
    database = Database(settings(data_dir).catalogue_url)
    upgrade(database)
    with database.unguarded("planting the same secret in two worlds", writable=True) as session:
        session.add(Installation(id=1, secret=SECRET, created_at=utc_now()))
    database.close()


def write_folder(root: Path, dice: random.Random, *, documents: int) -> None:
    """Documents with sections, exact copies under one ACL and under two, and a closed part."""
    for area in ("open", "closed", "open/deep"):
        (root / area).mkdir(parents=True, exist_ok=True)
    (root / ".acl.yaml").write_text("allow: [group:staff]\n")
    (root / "closed" / ".acl.yaml").write_text("inherit: false\nallow: [group:board]\n")
    for number in range(documents):
        body = _document(dice, number)
        (root / ("open", "closed", "open/deep")[number % 3] / f"d{number:03}.md").write_text(body)
        if number % 7 == 0:
            (root / "open" / f"copy{number:03}.md").write_text(body)
            (root / "closed" / f"copy{number:03}.md").write_text(body)


def change_folder(root: Path, dice: random.Random) -> None:
    """Edit some documents, delete some, move some to another folder or ACL, add some."""
    deep = root / "open" / "deep" / ".acl.yaml"
    if deep.exists():
        deep.unlink()
    else:
        deep.write_text("deny: [user:mallory]\n")
    for path in sorted(root.rglob("*.md")):
        fate = dice.random()
        number = dice.randrange(1_000, 1_000_000)
        if fate < 0.25:
            path.write_text(_document(dice, number))
        elif fate < 0.35:
            path.unlink()
        elif fate < 0.45:
            path.rename(root / "closed" / f"moved{number}.md")
    for _ in range(6):
        number = dice.randrange(1_000, 1_000_000)
        (root / "open" / f"new{number}.md").write_text(_document(dice, number))


def _document(dice: random.Random, number: int) -> str:
    sections = []
    for section in range(1 + number % 3):
        words = " ".join(dice.choice(_WORDS) for _ in range(40))
        sections.append(f"## Section {section} of {number}\n\n{words}.")
    return f"# Document {number}\n\n" + "\n\n".join(sections) + "\n"


def digest_of(path: Path) -> str:
    """The hash by which the catalogue knows a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class State:
    """Everything that must be the same however a run got there; no clocks.

    Attributes:
        documents: by external id: id, title, ACL, version, content hash, whether it is there.
        versions: every version ever recorded.
        chunks: by id: ACL, state, text.
        occurrences: document, ordinal, version, chunk, start and end.
        acls: by name: id, live chunks, occurrences, content hash (of the one source there is).
        recounted: ``acls``, counted anew from the rows.
        points: what the index holds.
    """

    documents: dict[str, tuple[Any, ...]]
    versions: list[tuple[Any, ...]]
    chunks: dict[str, tuple[str, str, str]]
    occurrences: list[tuple[Any, ...]]
    acls: dict[str, tuple[str, int, int, bytes]]
    recounted: dict[str, tuple[str, int, int, bytes]]
    points: frozenset[str]

    @classmethod
    def of(cls, data_dir: Path) -> State:
        """Read it, repairing nothing."""
        with (
            Runtime.open(settings(data_dir)) as runtime,
            runtime.database.unguarded("a test compares whole catalogues") as session,
        ):
            documents = {row.id: row for row in session.scalars(select(DocumentRow))}
            versions = {(v.document_id, v.number): v for v in session.scalars(select(VersionRow))}
            chunks = list(session.scalars(select(ChunkRow)))
            occurrences = list(session.scalars(select(OccurrenceRow)))
            acls = list(session.scalars(select(AclRow)))
            live = Counter(c.acl_id for c in chunks if c.state == ChunkState.LIVE)
            hashes: Counter[str] = Counter()
            standing = Counter(documents[o.document_id].acl_id for o in occurrences)
            content = {row.acl_id: row for row in session.scalars(select(AclContentRow))}
            for row in occurrences:
                document = documents[row.document_id]
                hashes[document.acl_id] += row_hash(SECRET, row, document)
            # A run killed before its first point was written has left no index to look into.
            generations = {row.generation for row in chunks} & {*runtime.host.generations()}
            points = frozenset(ident for name in generations for ident in runtime.index(name).ids())
            return cls(
                documents={
                    row.external_id: (
                        *(row.id, row.title, row.acl_id, row.version),
                        versions[row.id, row.version].source_sha256,
                        row.deleted_at is None,
                    )
                    for row in documents.values()
                },
                versions=sorted(
                    (v.document_id, v.number, v.source_sha256, v.text_sha256)
                    for v in versions.values()
                ),
                chunks={row.id: (row.acl_id, row.state, row.text) for row in chunks},
                occurrences=sorted(
                    (o.document_id, o.ordinal, o.version, o.chunk_id, o.start, o.end)
                    for o in occurrences
                ),
                acls={
                    row.name: (
                        *(row.id, row.live_chunks),
                        *(
                            (content[row.id].occurrences, content[row.id].content_hash)
                            if row.id in content
                            else (0, bytes(32))
                        ),
                    )
                    for row in acls
                },
                recounted={
                    row.name: (
                        *(row.id, live[row.id], standing[row.id]),
                        (hashes[row.id] % (1 << 256)).to_bytes(32, "big"),
                    )
                    for row in acls
                },
                points=points,
            )

    def live(self) -> set[str]:
        """Ids of the chunks that can be served."""
        return {ident for ident, (_, state, _) in self.chunks.items() if state == ChunkState.LIVE}
