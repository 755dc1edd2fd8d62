"""Words and pieces that the screen knows, and what it takes from the pretrained encoder of them.

What must never live here: a text, or a label.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file
from sklearn.cluster import MiniBatchKMeans
from tokenizers import Tokenizer

from ingestion.embedding.weights import MINILM, TOKENIZER, WEIGHTS, verified_folder
from injection.network import directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 256
_EMBEDDINGS = "embeddings.word_embeddings.weight"
_UNKNOWN = "[UNK]"
_LATIN = re.compile(r"(?:##)?(?:[a-z]+|[0-9]+)|[!-/:-@\[-`{-~]")


def word_classes() -> dict[str, int]:
    """Cluster the word embeddings of MiniLM; words of one class are used alike."""
    vocabulary, vectors = _pretrained()
    words = sorted(word for word in vocabulary if word.isalpha() and len(word) > 1)
    chosen = vectors[[vocabulary[word] for word in words]]
    chosen -= chosen.mean(axis=0)
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
    clusters = MiniBatchKMeans(CLASSES, random_state=0, n_init=1, batch_size=4096, max_iter=60)
    return dict(zip(words, clusters.fit(chosen).labels_.tolist(), strict=True))


def embedded_pieces() -> tuple[list[str], NDArray[np.int8]]:
    """The pieces in Latin letters, and an embedding of each; the first is the unknown one."""
    vocabulary, vectors = _pretrained()
    names = [_UNKNOWN, *sorted(name for name in vocabulary if _LATIN.fullmatch(name))]
    return names, directions(vectors[[vocabulary[name] for name in names]])


def _pretrained() -> tuple[dict[str, int], NDArray[np.float32]]:
    folder = verified_folder(MINILM)
    vectors = load_file(folder / WEIGHTS)[_EMBEDDINGS].astype(np.float32)
    return Tokenizer.from_file(str(folder / TOKENIZER)).get_vocab(), vectors
