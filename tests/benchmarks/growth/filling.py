"""Writing an estate in bulk: rows of the catalogue and points of the index, and nothing embedded.

What was interrupted goes on where it stopped: a batch goes to the index before the catalogue, so
that what the catalogue holds is whole.

One document goes through the real ingest job; every other row is that document's, with ids, texts,
vectors and ACLs of its own, so that rows look as this version writes them. Signatures of
near-duplicates, which no query reads, are left out. What never lives here: asking.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from acl.admin.directory import add_member, ensure_principal, ensure_tenant
from acl.content import Delta, Guarded, replace_content
from acl.models import AclEntryRow, AclRow, PrincipalRow
from acl.orm import Base, utc_now
from acl.principal import Principal
from ingestion.generations import active_generation
from ingestion.index.port import Point
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import (
    ChunkRow,
    DocumentRow,
    EmbeddingRow,
    OccurrenceRow,
    SourceRow,
    VersionRow,
)
from ingestion.rows import facets_of
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.growth.plots import TENANT
from tests.benchmarks.growth.texts import Quarry

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.index.port import VectorIndex
    from tests.benchmarks.growth.plots import Estate, Plot
    from tests.benchmarks.growth.texts import Batch

SOURCE: Final = "files"
_BATCH: Final = 1_200
_PER_DOCUMENT: Final = 6
_SEED: Final = 7
_DONE: Final = "done"


def filled(root: Path, estate: Estate) -> Path:
    """The data directory of the estate, written now unless an earlier run has."""
    directory = root / f"growth-{estate.name}"
    done = directory / _DONE
    if not done.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _fill(directory, estate)
        done.touch()
    return directory / "data"


def _fill(directory: Path, estate: Estate) -> None:
    with Runtime.open(Settings(data_dir=directory / "data")) as runtime:
        context = runtime.ingest_context()
        writer = _Writer(context, _template(directory / "template", context))
        writer.found(estate)
        work = [(plot, first) for plot in estate.plots for first in range(0, plot.chunks, _BATCH)]
        random.Random(_SEED).shuffle(work)  # noqa: S311 - so that plots lie mixed in the index
        quarry = Quarry(_SEED, context.embedder.dimensions)
        for plot, first in work:
            if not writer.holds(plot, first):
                writer.write(plot, quarry.batch(plot, first, _BATCH))
        writer.settle(estate)
        writer.index.optimise()
        writer.index.flush()


@dataclass(frozen=True, slots=True)
class _Template:
    """The rows of one real document."""

    source: dict[str, Any]
    document: dict[str, Any]
    version: dict[str, Any]
    chunk: dict[str, Any]
    occurrence: dict[str, Any]


def _template(folder: Path, context: IngestContext) -> _Template:
    """The rows of the one document, read by the real job unless an earlier run has."""
    folder.mkdir(exist_ok=True)
    (folder / "one.md").write_text("# One\n\nThe only document that was ever read here.\n")
    source = FolderSource(folder, name=SOURCE, allow=["group:nobody"])
    config = SourceConfig("folder", {}, max_age_seconds=10**9)
    with context.database.read(TENANT) as session:
        known = session.scalar(select(DocumentRow.id).where(DocumentRow.title == "One"))
    if known is None:
        ingest(context, source, tenant=TENANT, config=config)
    with context.database.read(TENANT) as session:
        document = session.scalars(select(DocumentRow).where(DocumentRow.title == "One")).one()
        place = session.scalars(
            select(OccurrenceRow).where(OccurrenceRow.document_id == document.id)
        ).one()
        version = select(VersionRow).where(VersionRow.document_id == document.id)
        return _Template(
            _values(session.scalars(select(SourceRow)).one()),
            _values(document),
            _values(session.scalars(version).one()),
            _values(session.scalars(select(ChunkRow).where(ChunkRow.id == place.chunk_id)).one()),
            _values(place),
        )


def _values(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}


class _Writer:
    """Writes batches, and keeps the books."""

    def __init__(self, context: IngestContext, template: _Template) -> None:
        self._context = context
        self._template = template
        self._place = facets_of(DocumentRow(**template.document))
        self.index: VectorIndex = context.index(active_generation(context))

    def found(self, estate: Estate) -> None:
        """Tenants, sources, ACLs, and who is in which group; the asker last, to know it is done."""
        now = utc_now()
        last = (TENANT, estate.askers[-1].user)
        with self._context.database.read(TENANT) as session:
            if session.get(PrincipalRow, last) is not None:
                return
        by_tenant: dict[str, list[Plot]] = {}
        for plot in estate.plots:
            by_tenant.setdefault(plot.tenant, []).append(plot)
        for tenant, plots in by_tenant.items():
            ensure_tenant(self._context.database, tenant, now=now)
            with self._context.database.write(tenant) as session:
                if tenant != TENANT:
                    session.execute(
                        insert(SourceRow), [{**self._template.source, "tenant": tenant}]
                    )
                for plot in plots:
                    _admit(session, plot)
        with self._context.database.write(TENANT) as session:
            for asker in estate.askers:
                who = Principal.parse(asker.user)
                ensure_principal(session, TENANT, who, now=now)
                for plot in asker.plots:
                    add_member(session, TENANT, Principal.parse(plot.group), who, now=now)

    def write(self, plot: Plot, batch: Batch) -> None:
        """Chunks of a plot, to the catalogue and to the index."""
        rows: dict[type[Base], list[dict[str, Any]]] = {
            table: [] for table in (DocumentRow, VersionRow, ChunkRow, OccurrenceRow, EmbeddingRow)
        }
        points = []
        for place, text in enumerate(batch.texts):
            made = _Place(plot, batch.first + place)
            if made.ordinal == 0:
                rows[DocumentRow].append({**self._template.document, **made.of_document})
                rows[VersionRow].append({**self._template.version, **made.of_version})
            sha = hashlib.sha256(f"{made.chunk} {text}".encode()).hexdigest()
            rows[ChunkRow].append(
                {**self._template.chunk, **made.of_chunk, "text": text, "embedded_sha": sha}
            )
            rows[OccurrenceRow].append(
                {**self._template.occurrence, **made.of_occurrence, "end": len(text)}
            )
            vector = batch.vectors[place]
            fingerprint = self._context.embedder.fingerprint
            rows[EmbeddingRow].append(
                {
                    "tenant": plot.tenant,
                    "fingerprint": fingerprint,
                    "sha": sha,
                    "vector": vector.tobytes(),
                }
            )
            points.append(
                Point(
                    id=made.chunk,
                    tenant=plot.tenant,
                    acl=made.acl,
                    places=(replace(self._place, document=made.document),),
                    dense=vector,
                    sparse=batch.sparse[place],
                )
            )
        self.index.upsert(points)
        with self._context.database.write(plot.tenant) as session:
            for table, some in rows.items():
                if some:
                    session.execute(insert(table), some)

    def holds(self, plot: Plot, first: int) -> bool:
        """Whether the batch that begins there was written before."""
        key = (plot.tenant, self._template.chunk["generation"], _Place(plot, first).chunk)
        with self._context.database.read(plot.tenant) as session:
            return session.get(ChunkRow, key) is not None

    def settle(self, estate: Estate) -> None:
        """How many chunks stand under each ACL, and a hash of which."""
        live = Counter(
            (plot.tenant, _Place(plot, number).acl)
            for plot in estate.plots
            for number in range(plot.chunks)
        )
        by_tenant: dict[str, dict[Guarded, Delta]] = {}
        for (tenant, acl), count in live.items():
            some = int.from_bytes(hashlib.blake2b(acl.encode(), digest_size=32).digest())
            by_tenant.setdefault(tenant, {})[Guarded(acl, SOURCE)] = Delta(count, some)
        for tenant, content in by_tenant.items():
            with self._context.database.write(tenant) as session:
                replace_content(session, tenant, content)
                for guarded, delta in content.items():
                    session.execute(
                        update(AclRow)
                        .where(AclRow.tenant == tenant, AclRow.id == guarded.acl_id)
                        .values(live_chunks=delta.occurrences)
                    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a chunk of a plot stands: which document, which ACL, and all that follows from it."""

    plot: Plot
    number: int

    @property
    def _size(self) -> int:
        """Chunks in a document, few enough for every ACL to have one."""
        return max(1, min(_PER_DOCUMENT, self.plot.chunks // self.plot.acls))

    @property
    def ordinal(self) -> int:
        return self.number % self._size

    @property
    def _name(self) -> str:
        return f"{self.plot.tenant}/{self.plot.name}/{self.number // self._size}"

    @property
    def document(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self._name))

    @property
    def chunk(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._name}/{self.ordinal}"))

    @property
    def acl(self) -> str:
        return f"{self.plot.name}-{self.number // self._size % self.plot.acls}"

    @property
    def of_document(self) -> dict[str, Any]:
        return {
            "tenant": self.plot.tenant,
            "id": self.document,
            "external_id": self._name,
            "title": self._name,
            "uri": f"bench://{self._name}",
            "acl_id": self.acl,
        }

    @property
    def of_version(self) -> dict[str, Any]:
        return {"tenant": self.plot.tenant, "document_id": self.document}

    @property
    def of_chunk(self) -> dict[str, Any]:
        return {"tenant": self.plot.tenant, "id": self.chunk, "acl_id": self.acl}

    @property
    def of_occurrence(self) -> dict[str, Any]:
        return {
            "tenant": self.plot.tenant,
            "document_id": self.document,
            "ordinal": self.ordinal,
            "chunk_id": self.chunk,
        }


def _admit(session: Session, plot: Plot) -> None:
    """The ACLs of a plot, each admitting its group."""
    common = {"tenant": plot.tenant}
    names = [f"{plot.name}-{number}" for number in range(plot.acls)]
    session.execute(
        insert(AclRow),
        [{**common, "id": name, "name": name, "inherit": True} for name in names],
    )
    entry = {**common, "effect": "allow", "principal": plot.group}
    session.execute(insert(AclEntryRow), [{**entry, "acl_id": name} for name in names])
