"""From windows of pieces to the network that reads again: training in floats, shipping in integers.

Embeddings are those of MiniLM, turned to their main directions and left alone; everything above
them is trained here, on two tasks at once: whether a window is an attack, and what `teacher` tells
of it. Only the first is shipped. What must never live here: data, or a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from injection.teacher import TOLD
from verifier.screen_network import LARGEST, SPREAD, TAPS, Layer, Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from verifier.screen_pieces import Pieces

INPUTS = 96
OUTPUTS = 128
_BATCH = 64
_POOL = 32  # batches whose windows are sorted by length together
_RATE = 2e-3
_WARM = 100  # steps
_DECAY = 0.02
_UNSEEN = 0.12  # share of the pieces that a step does not see
_DROPPED = 0.3  # share of the pooled answers that a step does not see
_MOST = 160  # pieces of a window in training
_SURE = 0.9999  # quantile of the answers that becomes the largest integer


@dataclass
class Read:
    """Windows as pieces, one behind the other.

    Attributes:
        pieces: Shape (all pieces,).
        starts: Where each window's begin, shape (windows,).
        ends: Where they end.
    """

    pieces: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, windows: Sequence[Pieces]) -> Read:
        """Lay windows one behind the other; one without pieces gets the unknown one."""
        cut = [window[:_MOST] if len(window) else np.zeros(1, np.int32) for window in windows]
        ends = np.cumsum([len(window) for window in cut])
        lengths = np.array([len(window) for window in cut])
        return cls(np.concatenate(cut).astype(np.int64), ends - lengths, ends)

    def batch(self, members: np.ndarray) -> tuple[Tensor, Tensor]:
        """Pieces padded to the longest, and which of them are real."""
        lengths = (self.ends - self.starts)[members]
        places = np.arange(lengths.max())[None]
        at = np.minimum(self.starts[members][:, None] + places, len(self.pieces) - 1)
        return torch.from_numpy(self.pieces[at]), torch.from_numpy(places < lengths[:, None])


class Reader(nn.Module):
    """The network in floats; the same steps as `verifier.screen_network`."""

    def __init__(self, integers: np.ndarray) -> None:
        """Make it.

        Args:
            integers: Embeddings from `directions`, which stay as they are.
        """
        super().__init__()
        self.integers = integers
        # Rows of length three suit the weights that layers begin with.
        self.unit = 3 / float(np.median(np.linalg.norm(integers.astype(np.float64), axis=1)))
        table = torch.from_numpy(integers.astype(np.float32)) * self.unit
        self.register_buffer("table", table)
        widths = (table.shape[1], OUTPUTS, OUTPUTS)
        self.layers = nn.ModuleList(
            nn.Conv1d(widths[at], widths[at + 1], TAPS, padding=spread, dilation=spread)
            for at, spread in enumerate(SPREAD)
        )
        self.out = nn.Linear(2 * 2 * OUTPUTS, 1)
        self.teller = nn.Linear(2 * 2 * OUTPUTS, TOLD)

    def forward(self, pieces: Tensor, real: Tensor) -> Tensor:
        """Weighted sums, shape (batch,)."""
        return self.out(self.pooled(pieces, real))[:, 0]

    def pooled(self, pieces: Tensor, real: Tensor) -> Tensor:
        """The strongest and the mean answers of both layers, shape (batch, 4 * OUTPUTS)."""
        rows = self.table[pieces]
        if self.training:
            seen = torch.rand(real.shape, device=real.device) > _UNSEEN
            rows = rows * seen[:, :, None]
        kept = real[:, None, :].to(rows.dtype)
        rows = rows.transpose(1, 2) * kept
        answers = []
        for layer in self.layers:
            rows = functional.relu(layer(rows)) * kept
            answers.append(rows)
        both = torch.cat(answers, dim=1)
        return torch.cat((both.amax(2), both.sum(2) / kept.sum(2)), dim=1)


def directions(vectors: np.ndarray) -> np.ndarray:
    """Embeddings in their main directions, as small integers; shape (pieces, INPUTS)."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1][:, :INPUTS]
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)
    scale = np.quantile(np.abs(turned), 0.9999) / LARGEST
    return np.clip(np.rint(turned / scale), -LARGEST, LARGEST).astype(np.int8)


def fit(
    read: Read,
    told: np.ndarray,
    *,
    labels: np.ndarray,
    counts: np.ndarray,
    table: np.ndarray,
    epochs: float,
    seed: int = 0,
) -> Reader:
    """Train.

    Args:
        read: The windows.
        told: What the teacher tells of each, shape (windows, TOLD).
        labels: Whether each is an attack, shape (windows,).
        counts: How much each counts, likewise.
        table: From `directions`.
        epochs: Passes over the windows, in which the rate falls to nothing.
        seed: Of order, weights and dropout.
    """
    torch.manual_seed(seed)
    model = Reader(table)
    trained = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    truth = torch.from_numpy(labels.astype(np.float32))
    weight = torch.from_numpy(counts.astype(np.float32))
    telling = torch.from_numpy(_levelled(told))
    batches = list(_batches(read.ends - read.starts, epochs=epochs, seed=seed))
    model.train()
    for step, members in enumerate(batches):
        rate = min(1, (step + 1) / _WARM) * max(0.02, 1 - step / len(batches))
        for group in trained.param_groups:
            group["lr"] = _RATE * rate
        pooled = model.pooled(*read.batch(members))
        sums = model.out(functional.dropout(pooled, _DROPPED))[:, 0]
        losses = functional.binary_cross_entropy_with_logits(sums, truth[members], reduction="none")
        missed = functional.mse_loss(model.teller(pooled), telling[members])
        loss = (losses * weight[members]).mean() + missed
        trained.zero_grad()
        loss.backward()
        trained.step()
    return model.eval()


def _levelled(told: np.ndarray) -> np.ndarray:
    """Every number with mean 0 and deviation 1, so that none outweighs another."""
    numbers = told.astype(np.float32)
    return (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-6)


def quantised(model: Reader, read: Read, *, sample: int = 4000) -> Network:
    """Round a trained network to integers.

    Args:
        model: As `fit` left it.
        read: Windows on which the largest answers are looked up.
        sample: How many of them.
    """
    unit = model.unit
    chosen = np.random.default_rng(0).choice(
        len(read.ends), min(sample, len(read.ends)), replace=False
    )
    layers, limits = [], _largest(model, read, chosen)
    for at, layer in enumerate(model.layers):
        weights = layer.weight.detach().numpy().transpose(2, 1, 0)  # taps, inputs, outputs
        scale = np.abs(weights).max(axis=(0, 1)) / LARGEST
        answer = limits[at] / LARGEST
        layers.append(
            Layer(
                weights=np.ascontiguousarray(np.rint(weights / scale), dtype=np.float32),
                bias=np.rint(layer.bias.detach().numpy() / (scale * unit)).astype(np.float32),
                scale=(scale * unit / answer).astype(np.float32),
                spread=SPREAD[at],
            )
        )
        unit = answer
    worth = np.repeat([limit / LARGEST for limit in limits], OUTPUTS)
    head = model.out.weight.detach().numpy()[0].reshape(2, -1) * worth
    scale = float(np.abs(head).max()) / (LARGEST << 7)
    strongest, mean = np.rint(head / scale).astype(np.int64)
    return Network(
        table=model.integers,
        layers=(layers[0], layers[1]),
        strongest=strongest,
        mean=mean,
        scale=scale,
        bias=float(model.out.bias.detach()[0]),
    )


def _largest(model: Reader, read: Read, chosen: np.ndarray) -> list[float]:
    """The answer of each layer that becomes the largest integer."""
    seen: list[list[np.ndarray]] = [[], []]
    with torch.inference_mode():
        for members in np.array_split(chosen, max(1, len(chosen) // _BATCH)):
            pieces, real = read.batch(members)
            kept = real[:, None, :].float()
            rows = model.table[pieces].transpose(1, 2) * kept
            for at, layer in enumerate(model.layers):
                rows = functional.relu(layer(rows)) * kept
                seen[at].append(rows.amax(2).flatten().numpy())
    return [float(np.quantile(np.concatenate(answers), _SURE)) for answers in seen]


def _batches(lengths: np.ndarray, *, epochs: float, seed: int) -> Iterator[np.ndarray]:
    """Batches of like length, in an order of their own."""
    random = np.random.default_rng(seed)
    left = round(epochs * len(lengths))
    while left > 0:
        order = random.permutation(len(lengths))[:left]
        left -= len(order)
        for start in range(0, len(order), _POOL * _BATCH):
            pool = order[start : start + _POOL * _BATCH]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            cuts = np.split(pool, range(_BATCH, len(pool), _BATCH))
            for at in random.permutation(len(cuts)):
                yield cuts[at]
