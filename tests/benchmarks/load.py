"""Building the world once, through the real ingest job, and keeping it for the next run.

``DIRECTORY/data`` is a data directory as ``clearance serve`` takes it; ``DIRECTORY/export`` holds
what the peer is given: the same chunks, texts, ACLs and vectors, read back from the catalogue. The
only stand-in is the embedder (:mod:`tests.benchmarks.vectors`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import select

from acl.admin.directory import add_member
from acl.models import AclRow, PrincipalRow
from acl.orm import utc_now
from acl.principal import Principal
from ingestion.chunking import Chunker
from ingestion.embedding.weights import MINILM
from ingestion.generations import active_generation
from ingestion.index.facets import LAYOUT
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import ChunkRow, EmbeddingRow
from retrieval.cli.runs import progress
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.vectors import DerivedEmbedder, base_texts
from tests.benchmarks.world import NEIGHBOUR, NEIGHBOUR_SCALE, TENANT, LibrarySource, audiences
from verifier.sanitise import SANITISER_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ingestion.context import IngestContext
    from tests.benchmarks.world import Scale

# Raise it whenever texts, vectors or the world change, or a migration leaves a world on disk
# unlike a new one. Other migrations do not matter: a world is upgraded when it is opened.
_VERSION: Final = 2
_DONE: Final = "done.json"


@dataclass(frozen=True, slots=True)
class World:
    """A built world on disk."""

    directory: Path
    scale: Scale

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def export(self) -> Path:
        """``chunks.jsonl`` (id, acl, text) and ``vectors.npy``, row by row the same chunks."""
        return self.directory / "export"

    @property
    def facts(self) -> dict[str, float]:
        """How long building took, by step, in seconds, and how many chunks there are."""
        facts: dict[str, float] = json.loads((self.directory / _DONE).read_text())
        return facts

    def settings(self) -> Settings:
        """Settings that open it."""
        return Settings(data_dir=self.data_dir)


@dataclass(frozen=True, slots=True)
class Exported:
    """The chunks of a world in memory: ids, ACL ids, and vectors of shape (n, dimensions)."""

    ids: list[str]
    acls: list[str]
    vectors: NDArray[np.float32]


def built(root: Path, scale: Scale) -> World:
    """The world of a scale, built now unless an earlier run has."""
    world = World(root / f"world-{scale.chunks}-{scale.seed}-{_made_by()}", scale)
    if not (world.directory / _DONE).exists():
        shutil.rmtree(world.directory, ignore_errors=True)
        world.export.mkdir(parents=True)
        facts = _build(world)
        (world.directory / _DONE).write_text(json.dumps(facts))
    return world


def _made_by() -> str:
    """A short name of everything in the code that decides what a built world looks like."""
    made_by = (
        _VERSION,
        LAYOUT,
        SANITISER_VERSION,
        Chunker(len).version,
        MINILM.identity.fingerprint,
    )
    return hashlib.sha256(repr(made_by).encode()).hexdigest()[:8]


def exported(world: World) -> Exported:
    """What the peer was given."""
    with (world.export / "chunks.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    vectors = np.load(world.export / "vectors.npy")
    return Exported([row["id"] for row in rows], [row["acl"] for row in rows], vectors)


def _build(world: World) -> dict[str, float]:
    facts: dict[str, float] = {}
    with Runtime.open(world.settings()) as runtime:
        started = time.perf_counter()
        bases = runtime.embedder.embed_documents(base_texts(world.scale))
        facts["embed_bases_s"] = time.perf_counter() - started
        context = replace(
            runtime.ingest_context(), embedder=DerivedEmbedder(runtime.embedder, bases)
        )
        started = time.perf_counter()
        _ingest(context, world.scale)
        facts["ingest_s"] = time.perf_counter() - started
        _admit(context, world.scale)
        started = time.perf_counter()
        index = context.index(active_generation(context))
        index.optimise()
        index.flush()
        facts["optimise_s"] = time.perf_counter() - started
        facts["chunks"] = _export(context, world.export)
    return facts


def with_neighbour(world: World) -> None:
    """See to it that a second, small tenant is there, through the real job and the real model."""
    with Runtime.open(world.settings()) as runtime:
        last = audiences(NEIGHBOUR_SCALE)[-1].user  # admitted when everything else is there
        with runtime.database.read(NEIGHBOUR) as session:
            if session.get(PrincipalRow, (NEIGHBOUR, last)) is not None:
                return
        context = runtime.ingest_context()
        _ingest(context, NEIGHBOUR_SCALE, tenant=NEIGHBOUR)
        _admit(context, NEIGHBOUR_SCALE, tenant=NEIGHBOUR)
        context.index(active_generation(context)).optimise()


def _ingest(context: IngestContext, scale: Scale, *, tenant: str = TENANT) -> None:
    with progress(f"building a world of {scale.chunks:,} chunks") as advance:
        report = ingest(
            context,
            LibrarySource(scale),
            tenant=tenant,
            config=SourceConfig("bench", {}, max_age_seconds=10**9),
            on_progress=advance,
        )
    if report.failures:
        raise RuntimeError(f"the world could not be built: {report.failures[0]}")


def _admit(context: IngestContext, scale: Scale, *, tenant: str = TENANT) -> None:
    """Put each audience's user into its role group, and that into the groups of its ACLs."""
    now = utc_now()
    with context.database.write(tenant) as session:
        for audience in audiences(scale):
            role = Principal.parse(audience.role)
            add_member(session, tenant, role, Principal.parse(audience.user), now=now)
            for group in audience.groups:
                add_member(session, tenant, Principal.parse(group), role, now=now)


def _export(context: IngestContext, directory: Path) -> int:
    """Write down every live chunk with its vector; returns how many."""
    statement = (
        select(ChunkRow.id, AclRow.id, ChunkRow.text, EmbeddingRow.vector)
        .join(AclRow, (AclRow.tenant == ChunkRow.tenant) & (AclRow.id == ChunkRow.acl_id))
        .join(
            EmbeddingRow,
            (EmbeddingRow.tenant == ChunkRow.tenant)
            & (EmbeddingRow.fingerprint == context.embedder.fingerprint)
            & (EmbeddingRow.sha == ChunkRow.embedded_sha),
        )
        .order_by(ChunkRow.id)
    )
    vectors = []
    with (
        (directory / "chunks.jsonl").open("w", encoding="utf-8") as lines,
        context.database.read(TENANT) as session,
    ):
        for ident, acl, text, vector in session.execute(statement):
            lines.write(json.dumps({"id": ident, "acl": acl, "text": text}) + "\n")
            vectors.append(np.frombuffer(vector, np.float32))
    np.save(directory / "vectors.npy", np.stack(vectors))
    return len(vectors)
