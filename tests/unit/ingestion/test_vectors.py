"""Vectors by content: made once for a tenant and model, and read back bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingestion.chunking import Chunker
from ingestion.documents import ParsedDocument
from ingestion.lock import exclusive
from ingestion.prepare import cut
from ingestion.vectors import vectors_for
from tests.support.catalogue import SqliteBlank
from tests.support.embedding import CountingEmbedder
from tests.support.installation import TENANT, Installation
from verifier.sanitise import Markup

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.prepare import PreparedChunk
    from tests.support.catalogue import Blank


def chunk(text: str) -> PreparedChunk:
    parsed = ParsedDocument(text, None, "text/plain", (), (), (), Markup.PLAIN, "text/1")
    (made,) = cut(parsed, Chunker(CountingEmbedder().count_tokens)).chunks
    return made


def test_each_text_is_embedded_once_and_read_back_bit_for_bit(
    world: Installation, embedder: CountingEmbedder
) -> None:
    world.ensure_tenant()
    context = world.runtime.ingest_context()
    chunks = [chunk("One."), chunk("Two."), chunk("One.")]
    made = vectors_for(context, TENANT, chunks)
    assert sorted(embedder.embedded) == ["One.", "Two."]
    again = vectors_for(context, TENANT, [*chunks, chunk("Three.")])
    assert sorted(embedder.embedded) == ["One.", "Three.", "Two."]
    for each in chunks:
        sha = each.embedded_sha
        assert made[sha].tobytes() == again[sha].tobytes()
        assert np.array_equal(again[sha], embedder.embed_query(each.embedded))
    assert again.keys() == {each.embedded_sha for each in (*chunks, chunk("Three."))}


def test_nothing_is_asked_of_the_embedder_for_nothing(
    world: Installation, embedder: CountingEmbedder
) -> None:
    world.ensure_tenant()
    assert vectors_for(world.runtime.ingest_context(), TENANT, []) == {}
    assert embedder.embedded == []


def test_another_model_does_not_read_the_vectors_of_this_one(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    one, two = CountingEmbedder(8), CountingEmbedder(16)
    with Installation.open(blank_catalogue, tmp_path / "a", embedder=one) as installation:
        installation.ensure_tenant()
        vectors_for(installation.runtime.ingest_context(), TENANT, [chunk("One.")])
    with Installation.open(
        SqliteBlank(tmp_path / "a" / "catalogue.sqlite"), tmp_path / "b", embedder=two
    ) as installation:
        found = vectors_for(installation.runtime.ingest_context(), TENANT, [chunk("One.")])
        assert [len(vector) for vector in found.values()] == [16]
    assert two.embedded == ["One."]


def test_whoever_holds_the_writer_lock_already_says_so(world: Installation) -> None:
    world.ensure_tenant()
    context = world.runtime.ingest_context()
    with exclusive(context.lock_path):
        assert len(vectors_for(context, TENANT, [chunk("One.")], locked=True)) == 1
