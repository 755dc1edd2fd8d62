"""The graph against the definition of BERT, written out in NumPy."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from ingestion.embedding.graph import BertShape, build_encoder
from ingestion.errors import EmbeddingError

Array = NDArray[np.float64]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "hidden_size": 24,
    "layer_norm_eps": 1e-12,
}
SHAPE = BertShape.from_config(CONFIG)
WIDE = 40
erf = np.vectorize(math.erf)


def random_tensors(seed: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    hidden = SHAPE.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (50, hidden),
        "embeddings.position_embeddings.weight": (16, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(SHAPE.layers):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
        linear = {f"attention.self.{name}": (hidden, hidden) for name in ("query", "key", "value")}
        linear["attention.output.dense"] = (hidden, hidden)
        linear["intermediate.dense"] = (WIDE, hidden)
        linear["output.dense"] = (hidden, WIDE)
        for name, shape in linear.items():
            shapes[f"{prefix}{name}.weight"] = shape
            shapes[f"{prefix}{name}.bias"] = shape[:1]
    for name in norms:
        shapes |= {f"{name}.weight": (hidden,), f"{name}.bias": (hidden,)}
    return {
        name: (random.standard_normal(shape) * 0.4).astype(np.float32)
        for name, shape in shapes.items()
    }


def normalised(tensors: dict[str, NDArray[np.float32]], name: str, x: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + SHAPE.epsilon)
    shifted: Array = scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
    return shifted


def linear(tensors: dict[str, NDArray[np.float32]], name: str, x: Array) -> Array:
    return x @ tensors[f"{name}.weight"].T.astype(np.float64) + tensors[f"{name}.bias"]


def encoded_by_definition(tensors: dict[str, NDArray[np.float32]], ids: list[int]) -> Array:
    """One text without padding; shape (tokens, hidden)."""
    x: Array = (
        tensors["embeddings.word_embeddings.weight"][ids].astype(np.float64)
        + tensors["embeddings.position_embeddings.weight"][: len(ids)]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    x = normalised(tensors, "embeddings.LayerNorm", x)
    for layer in range(SHAPE.layers):
        prefix = f"encoder.layer.{layer}."
        heads = [
            np.split(linear(tensors, f"{prefix}attention.self.{name}", x), SHAPE.heads, axis=-1)
            for name in ("query", "key", "value")
        ]
        attended = []
        for query, key, value in zip(*heads, strict=True):
            scores = np.exp(query @ key.T / math.sqrt(query.shape[-1]))
            attended.append(scores / scores.sum(axis=-1, keepdims=True) @ value)
        mixed = linear(tensors, f"{prefix}attention.output.dense", np.concatenate(attended, -1))
        x = normalised(tensors, f"{prefix}attention.output.LayerNorm", x + mixed)
        wide = linear(tensors, f"{prefix}intermediate.dense", x)
        activated = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = normalised(
            tensors,
            f"{prefix}output.LayerNorm",
            x + linear(tensors, f"{prefix}output.dense", activated),
        )
    return x


def run(model: onnx.ModelProto, ids: list[list[int]], length: int) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    padded = np.zeros((len(ids), length), dtype=np.int32)
    mask = np.zeros_like(padded)
    for row, text in enumerate(ids):
        padded[row, : len(text)] = text
        mask[row, : len(text)] = 1
    states: NDArray[np.float32] = session.run(None, {"input_ids": padded, "attention_mask": mask})[
        0
    ]
    return states


@pytest.mark.parametrize("seed", range(5))
def test_the_graph_computes_what_bert_is_defined_to(seed: int) -> None:
    tensors = random_tensors(seed)
    random = np.random.default_rng(seed)
    texts = [random.integers(0, 50, size=length).tolist() for length in (2, 5, 9, 16)]
    states = run(build_encoder(tensors, shape=SHAPE), texts, 16)
    for state, ids in zip(states, texts, strict=True):
        np.testing.assert_allclose(
            state[: len(ids)], encoded_by_definition(tensors, ids), rtol=1e-3, atol=2e-5
        )


def test_what_stands_behind_the_mask_is_never_looked_at() -> None:
    model = build_encoder(random_tensors(1), shape=SHAPE)
    short = run(model, [[3, 4, 5]], 3)[0]
    np.testing.assert_array_equal(run(model, [[3, 4, 5]], 11)[0, :3], short)


def test_a_missing_tensor_is_named() -> None:
    tensors = random_tensors(0)
    del tensors["encoder.layer.1.output.dense.bias"]
    with pytest.raises(EmbeddingError, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        build_encoder(tensors, shape=SHAPE)


@pytest.mark.parametrize(
    ("key", "value"),
    [("model_type", "mpnet"), ("hidden_act", "relu"), ("position_embedding_type", "relative_key")],
)
def test_another_architecture_is_refused_with_the_way_out(key: str, value: str) -> None:
    with pytest.raises(EmbeddingError, match=rf"{key}='{value}'.*sentence-transformers:PATH"):
        BertShape.from_config({**CONFIG, key: value})
