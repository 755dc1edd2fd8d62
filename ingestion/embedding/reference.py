"""Known vectors of known sentences: the proof that an export computes what the model means.

The vectors stand in ``reference.json`` and come from sentence-transformers in float32. What must
never live here: a tolerance that could be widened from outside.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from ingestion.embedding.port import Embedder, Matrix
from ingestion.errors import EmbeddingError

_RESOURCE: Final = "reference.json"
LEAST_COSINE: Final = 0.9999
"""Agreement asked of every sentence; a wrong layer, mask or tokenizer falls far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Sentences and their vectors.

    Attributes:
        model: Whose vectors they are.
        sentences: What was embedded.
        vectors: Shape (sentences, dimensions), unit length but for rounding.
    """

    model: str
    sentences: Sequence[str]
    vectors: Matrix

    @classmethod
    def shipped(cls) -> "Reference":
        """Read the reference that comes with the package."""
        data = json.loads(resources.files(__package__).joinpath(_RESOURCE).read_bytes())
        return cls(
            model=data["model"],
            sentences=tuple(data["sentences"]),
            vectors=np.asarray(data["vectors"], dtype=np.float32),
        )

    def check(self, embedder: Embedder) -> None:
        """Compare an embedder with the reference.

        Raises:
            EmbeddingError: Some sentence's vector has another length or points elsewhere.
        """
        self.compare(embedder.embed_documents(self.sentences), name=embedder.name)

    def compare(self, actual: Matrix, *, name: str) -> None:
        """Compare vectors of the sentences with the reference; raises as :meth:`check` does."""
        if actual.shape != self.vectors.shape:
            raise EmbeddingError(
                f"{name} gives vectors of {actual.shape[1]} dimensions, the reference of "
                f"{self.model} has {self.vectors.shape[1]}; the export is refused",
                code="reference_mismatch",
            )
        lengths = np.linalg.norm(self.vectors, axis=1) * np.linalg.norm(actual, axis=1)
        worst = float((np.einsum("ij,ij->i", actual, self.vectors) / lengths).min())
        # Not `worst < LEAST_COSINE`: that would let NaN through.
        if not worst >= LEAST_COSINE:
            raise EmbeddingError(
                f"{name} agrees with the reference of {self.model} only to a cosine of "
                f"{worst:.6f}, less than {LEAST_COSINE}; the export is refused. Install the tested "
                "versions of onnx and onnxruntime and export again",
                code="reference_mismatch",
            )
