"""What a larger encoder makes of a window, for the small network to learn beside its task.

The mean states of MiniLM after its first and its third layer say what a window is about. A network
that must tell them too leans less on the words of the attacks it is shown. What must never live
here: a label.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from support.encoder import HIDDEN, Lower, pretrained
from tokenizers import Tokenizer

from ingestion.embedding.weights import MINILM, TOKENIZER, verified_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TOLD = 2 * HIDDEN
"""Numbers that a window is told by."""

_AFTER = (1, 3)  # layers
_TOKENS = 72
_BATCH = 32


def told(texts: Sequence[str], *, kept: Path) -> NDArray[np.float16]:
    """Mean states of texts, shape (texts, TOLD).

    Args:
        texts: Windows.
        kept: A file of what was told before, which gets what is told now.
    """
    keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
    known: dict[str, int] = {}
    rows = np.empty((0, TOLD), dtype=np.float16)
    if kept.exists():
        with np.load(kept) as archive:
            rows = archive["rows"]
            known = {key: at for at, key in enumerate(archive["keys"].tolist())}
    fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if fresh:
        rows = np.concatenate((rows, _means(list(fresh.values()))))
        known |= {key: at for at, key in enumerate(fresh, start=len(known))}
        np.savez(kept, rows=rows, keys=np.array(list(known)))
    found: NDArray[np.float16] = rows[[known[key] for key in keys]]
    return found


def _means(texts: Sequence[str]) -> NDArray[np.float16]:
    tokenizer = Tokenizer.from_file(str(verified_folder(MINILM) / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_TOKENS)
    readable = [
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts
    ]
    ids = [found.ids for found in tokenizer.encode_batch(readable)]
    lengths = np.array(list(map(len, ids)))
    lower = Lower(pretrained(), layers=max(_AFTER))
    means = np.empty((len(texts), TOLD), dtype=np.float16)
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            members = order[start : start + _BATCH]
            row = torch.zeros((len(members), int(lengths[members].max())), dtype=torch.long)
            mask = torch.zeros_like(row, dtype=torch.bool)
            for at, member in enumerate(members):
                row[at, : lengths[member]] = torch.tensor(ids[member])
                mask[at, : lengths[member]] = True
            states = lower.embeddings(row, torch.zeros_like(row))
            parts = []
            for number, layer in enumerate(lower.layer, start=1):
                states = layer(states, mask[:, None, None, :])
                if number in _AFTER:
                    real = mask[:, :, None].to(states.dtype)
                    parts.append((states * real).sum(1) / real.sum(1))
            means[members] = torch.cat(parts, dim=1).to(torch.float16).numpy()
    return means
