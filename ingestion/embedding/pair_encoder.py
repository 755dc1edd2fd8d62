"""A claim and evidence, read together by one encoder in ONNX Runtime, on the processor.

The lower layers are those of the default model, from the installed package and checked by hash; the
upper ones come from training. Neither a framework nor the library that writes graphs is needed: the
graph comes without its constants, and gets them here. What must never live here: what the vector is
taken to mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from ingestion.embedding.weights import MINILM, TOKENIZER, WEIGHTS, verified_folder
from ingestion.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CLAIM_TOKENS: Final = 72
"""Of a claim, so that a long one leaves room for evidence."""

PAIR_TOKENS: Final = 224
"""Of both, with the three that frame them; training saw no more."""

_PROJECTIONS: Final = ("query", "key", "value")
_ATTENTION: Final = re.compile(r"(encoder\.layer\.\d+\.attention)\.(weight|bias)")
_ERRORS_ONLY: Final = 3
_SPIN_MICROSECONDS: Final = 50  # as for queries: waiting longer takes processors from others


class PairReader:
    """The tokens of a pair, in training and in use."""

    def __init__(self, path: Path) -> None:
        """Load a tokenizer."""
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # What the tokenizer puts around an empty text is what it puts around every text.
        self._first, self._last = self._tokenizer.encode("").ids

    def tokens(self, one: str, other: str) -> tuple[list[int], int]:
        """The ids of a pair, and how many of them are the first text's with its frame."""
        mine, theirs = (
            self._tokenizer.encode(_encodable(text), add_special_tokens=False).ids
            for text in (one, other)
        )
        before = [self._first, *mine[:CLAIM_TOKENS], self._last]
        return [*before, *theirs[: PAIR_TOKENS - len(before) - 1], self._last], len(before)


class PairEncoder:
    """Runs the encoder, one pair at a time; safe to share between threads."""

    def __init__(
        self,
        graph: bytes,
        *,
        trained: Mapping[str, Floats],
        frozen: Sequence[str],
        threads: int = 1,
    ) -> None:
        """Give the graph its constants.

        Args:
            graph: an ONNX model whose constants are declared and left out.
            trained: those that were trained, by name.
            frozen: names of those to take from the pretrained model.
            threads: processor threads of one call.

        Raises:
            EmbeddingError: the pretrained weights are not the pinned ones, or the runtime refuses
                the graph.
        """
        folder = verified_folder(MINILM)
        tensors = load_file(folder / WEIGHTS)
        constants = {**trained, **{name: constant(name, tensors) for name in frozen}}
        self._reader = PairReader(folder / TOKENIZER)
        # The runtime reads these arrays where they are: they must live as long as the session.
        self._values = [
            onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value))
            for value in constants.values()
        ]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry(
            "session.intra_op.spin_duration_us", str(_SPIN_MICROSECONDS)
        )
        try:
            options.add_external_initializers(list(constants), self._values)
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's errors have no other root
            raise EmbeddingError(
                f"the encoder of pairs cannot be loaded ({type(error).__name__}); "
                "reinstall the package"
            ) from error

    def encode(self, claim: str, excerpt: str) -> NDArray[np.float64]:
        """Read two texts together.

        A pair is never padded and never shares a batch, so that its vector is its own.

        Args:
            claim: its first ``CLAIM_TOKENS`` count.
            excerpt: what fits beside it, up to ``PAIR_TOKENS`` of both.

        Returns:
            The first token's vector, then the mean of all: shape (2 * hidden,).
        """
        ids, claimed = self._reader.tokens(claim, excerpt)
        row = np.array([ids], dtype=np.int32)
        segments = np.zeros_like(row)
        segments[0, claimed:] = 1
        try:
            (states,) = self._session.run(
                None,
                {
                    "input_ids": row,
                    "attention_mask": np.ones_like(row),
                    "token_type_ids": segments,
                },
            )
        except Exception as error:  # the runtime's errors have no other root
            raise EmbeddingError(
                f"the encoder of pairs failed on {len(ids)} tokens ({type(error).__name__})"
            ) from error
        tokens = states[0].astype(np.float64)
        return np.concatenate((tokens[0], tokens.mean(axis=0)))


def constant(name: str, tensors: Mapping[str, Floats]) -> Floats:
    """A constant of the graph, made from the tensors of the model as the graph's writer makes it.

    Args:
        name: in the graph: of a tensor, of the joint projections of a layer's attention, or
            ``position_embeddings``.
        tensors: of the pretrained model.

    Raises:
        EmbeddingError: the model has no such tensor.
    """
    try:
        if name == "position_embeddings":
            return tensors["embeddings.position_embeddings.weight"]
        joint = _ATTENTION.fullmatch(name)
        if joint is not None:
            parts = [tensors[f"{joint[1]}.self.{one}.{joint[2]}"].T for one in _PROJECTIONS]
            return np.concatenate(parts, axis=-1)
        value = tensors[name]
    except KeyError as error:
        raise EmbeddingError(
            f"the weights have no tensor {error}; reinstall the package that brings them"
        ) from error
    return value.T if name.endswith(".dense.weight") else value


def _encodable(text: str) -> str:
    """Replace lone surrogates, which are no characters and which the tokenizer refuses."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
