"""From a trained model to the file that is shipped: a graph without constants, and trained ones.

What must never live here: a figure.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import TensorProto, numpy_helper
from safetensors.numpy import load_file

from ingestion.embedding.graph import BertShape, build_encoder
from ingestion.embedding.weights import CONFIG, MINILM, WEIGHTS, verified_folder
from support.encoder import LAYERS
from support.fitting import BELOW
from verifier.support_model import SupportWeights

if TYPE_CHECKING:
    from onnx import ModelProto

    from support.encoder import Upper

_ELSEWHERE: Final = "constants"  # a file that never exists: the runtime is handed them


def weights_of(model: Upper) -> SupportWeights:
    """The weights of a trained model, as they are shipped."""
    folder = verified_folder(MINILM)
    tensors = dict(load_file(folder / WEIGHTS))
    for name, value in model.state_dict().items():
        if name.startswith("layer."):
            number, rest = name.removeprefix("layer.").split(".", 1)
            tensors[f"encoder.layer.{int(number) + BELOW}.{rest}"] = value.numpy()
    shape = BertShape.from_config(json.loads((folder / CONFIG).read_bytes()))
    graph = build_encoder(tensors, shape=shape, segments=True)
    constants = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    _emptied(graph)
    above = tuple(f"encoder.layer.{number}." for number in range(BELOW, LAYERS))
    return SupportWeights(
        graph=graph.SerializeToString(deterministic=True),
        trained={name: value for name, value in constants.items() if name.startswith(above)},
        frozen=tuple(name for name in constants if not name.startswith(above)),
        head=model.head.weight.detach().numpy().astype(np.float64),
        bias=model.head.bias.detach().numpy().astype(np.float64),
        sha256="",
    )


def _emptied(graph: ModelProto) -> None:
    """Leave constants declared, and take out what they hold."""
    for one in graph.graph.initializer:
        length = numpy_helper.to_array(one).nbytes
        one.ClearField("raw_data")
        one.data_location = TensorProto.EXTERNAL
        for key, value in (("location", _ELSEWHERE), ("offset", "0"), ("length", str(length))):
            entry = one.external_data.add()
            entry.key, entry.value = key, value


def sha256_of(stored: bytes) -> str:
    """What is pinned beside the code that reads it."""
    return hashlib.sha256(stored).hexdigest()
