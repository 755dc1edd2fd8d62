from collections.abc import Iterator

import pytest

from ingestion.embedding.exported import ExportedModel
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.store import ensure_exported


@pytest.fixture(scope="session")
def exported() -> ExportedModel:
    """The default model in the user's own cache: exported by the first test run, reused after."""
    return ensure_exported()


@pytest.fixture(scope="session")
def onnx_embedder(exported: ExportedModel) -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder(exported)
    yield embedder
    embedder.close()
