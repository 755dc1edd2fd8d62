"""Ingesting the same chunks in turns: files through the real job, chunks through the peer.

Clearance reads, parses, sanitises, screens, cuts, embeds and stores; the peer is given the chunks
that came out of it, already cut, and embeds and stores; so does LangChain's indexing API over the
peer's model. All have their model loaded before the
clock starts. What never lives here: the world that queries run against.
"""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import select

from ingestion.chunking import embedded_text
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import ChunkRow, DocumentRow, EmbeddingRow, OccurrenceRow
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.figures import IngestFigures
from tests.benchmarks.processes import stop_index
from tests.benchmarks.products import seconds as products_s
from tests.benchmarks.texts import Prose
from tests.benchmarks.world import TENANT

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ingestion.embedding.port import TextProgress
    from tests.benchmarks.processes import PeerProcess

_TURN_CHUNKS: Final = 250
_SECTIONS: Final = 8
_FRAME: Final = 2
"""Tokens that the model puts around a text."""


def race(
    directory: Path, peer: PeerProcess | None, *, chunks: int, seed: int, on_progress: TextProgress
) -> IngestFigures:
    """Ingest about ``chunks`` chunks in turns of a few hundred.

    Args:
        directory: an empty directory to work in.
        peer: loaded, with an empty collection; None to go without.
        chunks: how many, roughly; whole documents are written.
        seed: of the texts.
        on_progress: told how many chunks are done.
    """
    ours = alone = theirs = chained = products = 0.0
    done = 0
    has_chain = peer is not None and importlib.util.find_spec("langchain_core") is not None
    cosines: list[float] = []
    settings = Settings(data_dir=directory / "data")
    with Runtime.open(settings) as runtime:
        runtime.warm()
        runtime.host.info()  # Starts the index process, which a service would have running.
        for turn in range(max(1, chunks // _TURN_CHUNKS)):
            folder = directory / f"turn-{turn}"
            _write(folder, seed=(seed, "ingest", turn), chunks=min(chunks, _TURN_CHUNKS))
            ours += _ours(runtime, folder)
            texts, vectors = _made(runtime, folder.name)
            started = time.perf_counter()
            runtime.embedder.embed_documents(texts)
            alone += time.perf_counter() - started
            products += products_s(runtime.embedder.count_tokens(text) + _FRAME for text in texts)
            if peer is not None and has_chain:
                chained += peer.ask("chain", texts=texts, first=done)["seconds"]
            if peer is not None:
                out = directory / "peer.npy"
                answer = peer.ask("ingest", texts=texts, first=done, vectors=str(out))
                theirs += answer["seconds"]
                cosines.append(float((np.load(out) * vectors).sum(axis=1).min()))
            done += len(texts)
            on_progress(done)
    stop_index(settings.data_dir)
    return IngestFigures(
        chunks=done,
        clearance_s=ours,
        peer_s=theirs if peer is not None else None,
        cosine_min=min(cosines, default=None),
        embed_s=alone,
        chain_s=chained if has_chain else None,
        products_s=products,
    )


def _write(folder: Path, *, seed: tuple[object, ...], chunks: int) -> None:
    folder.mkdir(parents=True)
    for number in range(-(-chunks // _SECTIONS)):
        text = Prose.seeded(*seed, number).document(_SECTIONS)
        (folder / f"{number:04}.md").write_text(text, encoding="utf-8")


def _ours(runtime: Runtime, folder: Path) -> float:
    started = time.perf_counter()
    report = ingest(
        runtime.ingest_context(),
        FolderSource(folder, name=folder.name, allow=["group:staff"]),
        tenant=TENANT,
        config=SourceConfig("folder", {"root": str(folder)}),
    )
    elapsed = time.perf_counter() - started
    if report.failures:
        raise RuntimeError(f"a document failed: {report.failures[0]}")
    return elapsed


def _made(runtime: Runtime, source: str) -> tuple[list[str], NDArray[np.float32]]:
    """What one source's chunks were embedded from, and the vectors stored for them."""
    statement = (
        select(ChunkRow.heading_path, ChunkRow.text, EmbeddingRow.vector)
        .join(
            EmbeddingRow,
            (EmbeddingRow.tenant == ChunkRow.tenant) & (EmbeddingRow.sha == ChunkRow.embedded_sha),
        )
        .where(
            ChunkRow.id.in_(
                select(OccurrenceRow.chunk_id)
                .join(
                    DocumentRow,
                    (DocumentRow.tenant == OccurrenceRow.tenant)
                    & (DocumentRow.id == OccurrenceRow.document_id),
                )
                .where(DocumentRow.source == source)
            )
        )
        .order_by(ChunkRow.id)
    )
    with runtime.database.read(TENANT) as session:
        rows = session.execute(statement).all()
    texts = [embedded_text(path.split("\n") if path else (), text) for path, text, _ in rows]
    return texts, np.stack([np.frombuffer(vector, np.float32) for _, _, vector in rows])
