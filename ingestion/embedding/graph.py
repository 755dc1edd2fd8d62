"""The ONNX graph of a BERT encoder, written directly in fused operators.

What lives here: the mapping from the tensors of a Hugging Face ``BertModel`` to one graph that
takes token ids and returns a vector for each token. What must never: file access, hashing,
or anything that runs at query time. ``docs/adr/0002`` says why the graph is written down rather
than traced from a framework and optimised afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ingestion.errors import EmbeddingError

Tensors = Mapping[str, NDArray[np.float32]]

IDS_INPUT: Final = "input_ids"
MASK_INPUT: Final = "attention_mask"
SEGMENTS_INPUT: Final = "token_type_ids"

# Older runtimes refuse models newer than they know; nothing in the graph needs more than these.
_IR_VERSION: Final = 10
_OPSET: Final = 17
_FUSED_DOMAIN: Final = "com.microsoft"
# Added to the scores of padding before the softmax: its exponential is exactly zero in float32.
_MASK_FILTER: Final = -10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BertShape:
    """The hyperparameters the graph depends on, as named by a Hugging Face ``config.json``."""

    layers: int
    heads: int
    hidden: int
    epsilon: float

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Read the shape from a parsed ``config.json``.

        Raises:
            EmbeddingError: The configuration describes something other than a plain BERT encoder.
        """
        expected = {
            "model_type": "bert",
            "hidden_act": "gelu",
            "position_embedding_type": "absolute",
        }
        for key, value in expected.items():
            if config.get(key) != value:
                raise EmbeddingError(
                    f"config.json has {key}={config.get(key)!r}, but only {value!r} can be "
                    "exported; use the specification sentence-transformers:PATH for this model"
                )
        return cls(
            layers=int(str(config["num_hidden_layers"])),
            heads=int(str(config["num_attention_heads"])),
            hidden=int(str(config["hidden_size"])),
            epsilon=float(str(config["layer_norm_eps"])),
        )


class _GraphWriter:
    """Collects nodes and initialisers in the order in which they are computed."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str, *, transpose: bool = False) -> str:
        """Bring in one tensor; a linear layer is stored (out, in) and multiplied as (in, out)."""
        value = self.tensors[name]
        return self.constant(name, value.T if transpose else value)

    def node(
        self,
        operator: str,
        inputs: list[str],
        outputs: str | list[str],
        *,
        domain: str = "",
        **attributes: float,
    ) -> str:
        names = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(
            helper.make_node(operator, inputs, names, name=names[0], domain=domain, **attributes)
        )
        return names[0]


def build_encoder(tensors: Tensors, *, shape: BertShape, segments: bool = False) -> onnx.ModelProto:
    """Write the graph: embeddings, then the encoder layers.

    Args:
        tensors: The float32 tensors of a ``BertModel``, under their own names.
        shape: The hyperparameters that go with them.
        segments: Whether two texts are read as a pair, told apart by ``token_type_ids``.

    Returns:
        A checked model with inputs ``input_ids``, ``attention_mask`` and, for pairs,
        ``token_type_ids`` (int32, batch x length), and one output, the vectors of the tokens
        (float32, batch x length x hidden). Pooling is not part of it: ``pooling`` says why.

    Raises:
        EmbeddingError: A tensor the configuration promises is missing.
    """
    writer = _GraphWriter(tensors)
    try:
        hidden = _write_embeddings(writer, shape, segments=segments)
        for layer in range(shape.layers):
            hidden = _write_layer(writer, shape, layer, hidden)
    except KeyError as error:
        raise EmbeddingError(
            f"the weights have no tensor {error}; reinstall the package that brings them"
        ) from error
    batch_by_length = ["batch", "length"]
    inputs = [IDS_INPUT, MASK_INPUT, *([SEGMENTS_INPUT] if segments else [])]
    graph = helper.make_graph(
        writer.nodes,
        "encoder",
        [helper.make_tensor_value_info(it, TensorProto.INT32, batch_by_length) for it in inputs],
        [
            helper.make_tensor_value_info(
                hidden, TensorProto.FLOAT, [*batch_by_length, shape.hidden]
            )
        ],
        initializer=writer.initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="clearance",
        ir_version=_IR_VERSION,
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid(_FUSED_DOMAIN, 1),
        ],
    )
    onnx.checker.check_model(model)
    return model


def _write_embeddings(writer: _GraphWriter, shape: BertShape, *, segments: bool) -> str:
    """Word + position + segment, normalised; a single text is all of the first segment."""
    table = "embeddings.token_type_embeddings.weight"
    positions = writer.tensors["embeddings.position_embeddings.weight"]
    if not segments:
        positions = positions + writer.tensors[table][0]
    writer.constant("position_embeddings", positions)
    return writer.node(
        "EmbedLayerNormalization",
        [
            IDS_INPUT,
            SEGMENTS_INPUT if segments else "",
            writer.weight("embeddings.word_embeddings.weight"),
            "position_embeddings",
            writer.weight(table) if segments else "",
            writer.weight("embeddings.LayerNorm.weight"),
            writer.weight("embeddings.LayerNorm.bias"),
            MASK_INPUT,
        ],
        ["embeddings", "token_counts"],
        domain=_FUSED_DOMAIN,
        epsilon=shape.epsilon,
    )


def _write_layer(writer: _GraphWriter, shape: BertShape, layer: int, hidden: str) -> str:
    """One encoder layer: attention and feed-forward, each added to its input and normalised."""
    prefix = f"encoder.layer.{layer}."
    projections = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
    joint_weight = np.concatenate([writer.tensors[f"{p}.weight"].T for p in projections], axis=1)
    joint_bias = np.concatenate([writer.tensors[f"{p}.bias"] for p in projections])
    attended = writer.node(
        "Attention",
        [
            hidden,
            writer.constant(f"{prefix}attention.weight", joint_weight),
            writer.constant(f"{prefix}attention.bias", joint_bias),
            "token_counts",
        ],
        f"{prefix}attended",
        domain=_FUSED_DOMAIN,
        num_heads=shape.heads,
        mask_filter_value=_MASK_FILTER,
    )
    mixed = _write_residual(writer, shape, f"{prefix}attention.output", attended, hidden)
    widened = writer.node(
        "MatMul",
        [mixed, writer.weight(f"{prefix}intermediate.dense.weight", transpose=True)],
        f"{prefix}widened",
    )
    activated = writer.node(
        "BiasGelu",
        [widened, writer.weight(f"{prefix}intermediate.dense.bias")],
        f"{prefix}activated",
        domain=_FUSED_DOMAIN,
    )
    return _write_residual(writer, shape, f"{prefix}output", activated, mixed)


def _write_residual(
    writer: _GraphWriter, shape: BertShape, name: str, branch: str, skip: str
) -> str:
    """Project a branch, add what went into it, normalise."""
    projected = writer.node(
        "MatMul",
        [branch, writer.weight(f"{name}.dense.weight", transpose=True)],
        f"{name}.projected",
    )
    return writer.node(
        "SkipLayerNormalization",
        [
            projected,
            skip,
            writer.weight(f"{name}.LayerNorm.weight"),
            writer.weight(f"{name}.LayerNorm.bias"),
            writer.weight(f"{name}.dense.bias"),
        ],
        f"{name}.normalised",
        domain=_FUSED_DOMAIN,
        epsilon=shape.epsilon,
    )
