"""Documents by OpenVINO: one vector for a text in any company, close to the reference.

In float32, because few processors that run tests multiply bfloat16; the shapes and the trials at
the start are the same. Skipped where the extra is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.embedding import openvino as bulk
from ingestion.embedding.factory import BULK_SPEC, create_embedder
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.openvino import ROWS, OpenVinoEmbedder, Precision
from ingestion.embedding.reference import LEAST_COSINE
from ingestion.embedding.store import ensure_exported
from ingestion.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.embedding.exported import ExportedModel

pytest.importorskip("openvino", reason="the extra 'bulk' is not installed")

TEXTS = (
    "Loans above 50,000 euros need two signatures.",
    "",
    "holiday",
    "The branch keeps the ledger for ten years. " * 6,
    "Mortgage rates follow the reference rate at the end of each quarter. " * 9,
    "ünïcode, 数字 and \ud800 broken",
)


@pytest.fixture(scope="module")
def exported() -> ExportedModel:
    """The export of the default model."""
    return ensure_exported()


@pytest.fixture(scope="module")
def embedder(exported: ExportedModel) -> Iterator[OpenVinoEmbedder]:
    """One that multiplies in float32."""
    embedder = OpenVinoEmbedder(exported, threads=2, precision=Precision.F32)
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
def alone(embedder: OpenVinoEmbedder) -> np.ndarray:
    """Each text's vector in a call of its own."""
    return np.concatenate([embedder.embed_documents([text]) for text in TEXTS])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(range(len(TEXTS))), min_size=1, max_size=2 * ROWS))
def test_a_text_has_one_vector_in_any_company(
    embedder: OpenVinoEmbedder, alone: np.ndarray, chosen: list[int]
) -> None:
    assert np.array_equal(embedder.embed_documents([TEXTS[i] for i in chosen]), alone[chosen])


def test_documents_agree_with_the_default_embedder(
    exported: ExportedModel, embedder: OpenVinoEmbedder, alone: np.ndarray
) -> None:
    default = OnnxEmbedder(exported)
    assert ((default.embed_documents(TEXTS) * alone).sum(axis=1) >= LEAST_COSINE).all()
    for text in TEXTS:
        assert np.array_equal(embedder.embed_query(text), default.embed_query(text))
    default.close()


def test_a_generation_of_its_own(exported: ExportedModel, embedder: OpenVinoEmbedder) -> None:
    bf16 = OpenVinoEmbedder(exported)
    assert len({bf16.fingerprint, embedder.fingerprint, exported.identity.fingerprint}) == 3
    bf16.close()


def test_a_runtime_that_looks_at_the_company_is_refused(
    exported: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = bulk._Documents.run
    embedder = OpenVinoEmbedder(exported, precision=Precision.F32)
    monkeypatch.setattr(
        bulk._Documents,
        "run",
        lambda self, tokens, length: honest(self, tokens, length) * (1 + 1e-6 * len(tokens)),
    )
    with pytest.raises(EmbeddingError, match="texts beside it") as raised:
        embedder.embed_documents(["loan"])
    assert raised.value.code == "embedder_unsuitable"
    embedder.close()


def test_a_runtime_that_disagrees_with_the_reference_is_refused(
    exported: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = bulk._Documents.run
    monkeypatch.setattr(
        bulk._Documents, "run", lambda self, tokens, length: honest(self, tokens, length)[:, ::-1]
    )
    embedder = OpenVinoEmbedder(exported, precision=Precision.F32)
    with pytest.raises(EmbeddingError, match="cosine") as raised:
        embedder.embed_documents(["loan"])
    assert raised.value.code == "reference_mismatch"
    embedder.close()


def test_a_processor_without_bfloat16_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a skill that no processor has, so that those that have bfloat16 are asked too.
    monkeypatch.setattr(bulk, "_CAPABILITY", "a skill that no processor has")
    embedder = create_embedder(BULK_SPEC)
    assert embedder.embed_query("loan").shape == (embedder.dimensions,)
    with pytest.raises(EmbeddingError, match="does not multiply bfloat16") as raised:
        embedder.embed_documents(["loan"])
    assert raised.value.code == "embedder_unsuitable"
    embedder.close()


def test_no_text_costs_no_runtime_and_a_closed_one_says_so(exported: ExportedModel) -> None:
    embedder = OpenVinoEmbedder(exported)
    assert embedder.embed_documents([]).shape == (0, embedder.dimensions)
    embedder.close()
    with pytest.raises(EmbeddingError, match="closed"):
        embedder.embed_documents(["loan"])


def test_answering_queries_does_not_load_the_runtime() -> None:
    code = (
        "import sys; from ingestion.embedding.factory import *;"
        f"create_embedder({BULK_SPEC!r}).embed_query('loan');"
        "sys.exit('openvino' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def test_progress_names_every_text(embedder: OpenVinoEmbedder) -> None:
    told: list[int] = []
    embedder.embed_documents(TEXTS, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == len(TEXTS)
