"""Pairs of texts: the same constants as the graph's writer makes, and a vector of their own."""

import json
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from safetensors.numpy import load_file

from ingestion.embedding.graph import BertShape, build_encoder
from ingestion.embedding.pair_encoder import (
    CLAIM_TOKENS,
    PAIR_TOKENS,
    PairEncoder,
    PairReader,
    constant,
)
from ingestion.embedding.weights import CONFIG, MINILM, TOKENIZER, WEIGHTS, verified_folder
from ingestion.errors import EmbeddingError

FOLDER = verified_folder(MINILM)
TENSORS = load_file(FOLDER / WEIGHTS)
LAYERS = 1
CLAIM = "The late fee is 12 euros."
EVIDENCE = "A fee of 12 euros is due when a payment is late."


@cache
def graph() -> onnx.ModelProto:
    """One layer of the real model, so that a test takes no longer than it must."""
    config = json.loads((FOLDER / CONFIG).read_bytes()) | {"num_hidden_layers": LAYERS}
    return build_encoder(TENSORS, shape=BertShape.from_config(config), segments=True)


@cache
def encoder(*, threads: int = 1) -> PairEncoder:
    emptied = onnx.ModelProto()
    emptied.CopyFrom(graph())
    for one in emptied.graph.initializer:
        held = (("location", "constants"), ("offset", "0"), ("length", str(len(one.raw_data))))
        one.ClearField("raw_data")
        one.data_location = TensorProto.EXTERNAL
        for key, value in held:
            entry = one.external_data.add()
            entry.key, entry.value = key, value
    names = [one.name for one in emptied.graph.initializer]
    return PairEncoder(emptied.SerializeToString(), trained={}, frozen=names, threads=threads)


def test_constants_are_those_that_the_writer_of_the_graph_makes() -> None:
    for one in graph().graph.initializer:
        np.testing.assert_array_equal(constant(one.name, TENSORS), numpy_helper.to_array(one))


def test_a_constant_that_the_model_lacks_is_named() -> None:
    with pytest.raises(EmbeddingError, match=r"encoder\.layer\.9\.attention\.self\.query\.bias"):
        constant("encoder.layer.9.attention.bias", TENSORS)


def test_a_graph_that_is_none_is_refused_with_the_remedy() -> None:
    with pytest.raises(EmbeddingError, match="reinstall"):
        PairEncoder(b"no graph", trained={}, frozen=[])


def test_a_pair_has_one_vector_whatever_was_read_before_and_on_any_number_of_threads() -> None:
    alone = encoder().encode(CLAIM, EVIDENCE)
    encoder().encode("Another claim.", EVIDENCE * 20)
    np.testing.assert_array_equal(encoder().encode(CLAIM, EVIDENCE), alone)
    np.testing.assert_array_equal(encoder(threads=2).encode(CLAIM, EVIDENCE), alone)


def test_which_text_is_the_claim_matters_even_where_the_words_do_not() -> None:
    one, other = encoder().encode("a b", "c"), encoder().encode("a", "b c")
    assert one.shape == other.shape == (2 * MINILM.dimensions,)
    assert not np.allclose(one, other, atol=1e-3)


def test_a_pair_is_framed_and_a_long_claim_leaves_room_for_evidence() -> None:
    reader = PairReader(FOLDER / TOKENIZER)
    ids, claimed = reader.tokens("one", "two")
    assert (len(ids), claimed) == (5, 3)
    assert (ids[2], ids[4]) == (ids[-1], ids[-1])
    ids, claimed = reader.tokens("word " * 1_000, "word " * 1_000)
    assert claimed == CLAIM_TOKENS + 2
    assert len(ids) == PAIR_TOKENS
    assert ids[-1] == ids[claimed - 1]


@pytest.mark.parametrize("text", ["", "\ud800", "\x00" * 50, "\U0001f600" * 2_000])
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert np.isfinite(encoder().encode(text, text)).all()
