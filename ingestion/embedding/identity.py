"""What the vectors of an embedder depend on, and the short hash that stands for it.

What must never live here: anything that may change without moving the vectors, such as the number
of threads, the batch size or a path.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final, Self

_FINGERPRINT_DIGITS: Final = 16


class Runtime(StrEnum):
    """The families of runtimes; within one, vectors agree closely enough to share an index."""

    HASH = "hash"
    ONNX_FP32 = "onnxruntime-fp32"
    # Of documents; the queries beside them are ONNX_FP32. A family of its own, because a vector is
    # kept by its text: were the families mixed, a hidden document could decide which of the two
    # nearly equal vectors a visible one gets.
    OPENVINO_BF16 = "openvino-bf16"
    OPENVINO_F32 = "openvino-f32"
    SENTENCE_TRANSFORMERS = "sentence-transformers"


class Pooling(StrEnum):
    """How the vectors of tokens become the vector of a text."""

    BAG = "bag-of-features"
    MEAN = "mean"
    OWN = "as-the-model-says"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderIdentity:
    """Everything the vectors depend on.

    Attributes:
        weights: SHA-256 of the weights, or what stands for it where there are none.
        runtime: The family of the runtime.
        pooling: From tokens to a text.
        normalised: Whether vectors have unit length.
        max_tokens: Tokens of a text that the model sees.
        dimensions: Length of a vector.
    """

    weights: str
    runtime: Runtime
    pooling: Pooling
    max_tokens: int
    dimensions: int
    normalised: bool = True

    def by(self, runtime: Runtime) -> Self:
        """The same model in another runtime."""
        return replace(self, runtime=runtime)

    @property
    def fingerprint(self) -> str:
        """A short hash, stable across processes, machines and versions of this code."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:_FINGERPRINT_DIGITS]
