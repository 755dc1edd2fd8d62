import subprocess
import sys

import pytest

from ingestion.embedding.exported import ExportedModel
from ingestion.embedding.factory import DEFAULT_SPEC, VALID_SPECS, create_embedder
from ingestion.errors import EmbeddingError

NEVER_WHEN_SERVING = {"torch", "transformers", "sentence_transformers", "openvino", "onnx"}


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "onnx",
        "onnx:other",
        "hash",
        "hash:",
        "hash:-1",
        "hash:x",
        "hash:²",
        "sentence-transformers:",
    ],
)
def test_an_unknown_specification_is_refused_with_the_valid_ones(spec: str) -> None:
    with pytest.raises(EmbeddingError) as refusal:
        create_embedder(spec)
    assert refusal.value.code == "unknown_embedder"
    assert all(valid in refusal.value.message for valid in VALID_SPECS)


def test_a_hash_embedder_has_the_dimensions_asked_for() -> None:
    assert create_embedder("hash:48").embed_query("refund").shape == (48,)


def test_the_default_is_the_exported_model(exported: ExportedModel) -> None:
    embedder = create_embedder(threads=1)
    assert f"onnx:{embedder.name}" == DEFAULT_SPEC
    assert embedder.fingerprint == exported.identity.fingerprint
    assert embedder.dimensions == 384
    embedder.close()


@pytest.mark.parametrize(
    "program",
    [
        "import ingestion.embedding.factory",
        (
            "from ingestion.embedding.factory import create_embedder\n"
            "embedder = create_embedder()\n"
            "embedder.embed_query('refund')\n"
            "embedder.embed_documents(['refund', 'audit'])"
        ),
    ],
)
@pytest.mark.usefixtures("exported")
def test_serving_never_imports_what_trains_or_exports(program: str) -> None:
    report = "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    output = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program + report], capture_output=True, text=True, check=True
    ).stdout
    assert "ingestion" in output.split()
    assert not NEVER_WHEN_SERVING & set(output.split())


def test_importing_the_factory_imports_no_runtime_at_all() -> None:
    program = "import sys, ingestion.embedding.factory\nprint(*sys.modules)"
    output = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"onnxruntime", "tokenizers"} & set(output.split())
