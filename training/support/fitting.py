"""From pairs to weights: tokens, the states below, and the steps of training.

The lower layers never change, so their states are computed once and kept in half precision; an
epoch costs the upper layers alone. What must never live here: a data set, or a threshold.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ingestion.embedding.pair_encoder import PairReader
from ingestion.embedding.weights import MINILM, TOKENIZER, verified_folder
from support.encoder import HIDDEN, Lower, Upper, pretrained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from support.pairs import Pair

BELOW: Final = 3
"""Encoder layers that stay as they are."""

_BATCH: Final = 32
_POOL: Final = 32  # batches whose pairs are sorted by length together
_RATE: Final = 1.2e-4
_HEAD_RATE: Final = 1e-3
_WARM: Final = 0.08  # share of the steps in which the rate rises
_AVERAGE: Final = 0.998  # of the weights that are kept, over steps
_NORM: Final = 1.0  # of the gradient, at most
_SAY: Final = 50  # steps
_KEEP: Final = 400  # steps


@dataclass(frozen=True, slots=True)
class States:
    """Pairs after the lower layers.

    Attributes:
        rows: states of all tokens, shape (tokens, hidden), half precision.
        starts: where each pair's rows start, shape (pairs,).
        ends: where they end, shape (pairs,).
        truth: verdicts that would be right, shape (pairs, 3).
        weight: how much each counts, shape (pairs,).
    """

    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    truth: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        """Pairs."""
        return len(self.truth)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each pair."""
        return self.ends - self.starts

    def subset(self, members: Sequence[int]) -> States:
        """Some of the pairs; no state is copied."""
        at = np.asarray(members)
        return States(self.rows, self.starts[at], self.ends[at], self.truth[at], self.weight[at])

    def batch(self, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States padded to the longest, and which of them are real."""
        parts = [self.rows[self.starts[at] : self.ends[at]] for at in members]
        longest = max(map(len, parts))
        states = np.zeros((len(parts), longest, HIDDEN), dtype=np.float32)
        mask = np.zeros((len(parts), longest), dtype=bool)
        for row, part in enumerate(parts):
            states[row, : len(part)] = part
            mask[row, : len(part)] = True
        return torch.from_numpy(states), torch.from_numpy(mask)


def states_of(pairs: Sequence[Pair], *, kept: Path) -> States:
    """Run pairs through the lower layers, unless that was done already.

    Args:
        pairs: all pairs.
        kept: the file that holds, or gets, their states.
    """
    began = time.monotonic()
    reader = PairReader(verified_folder(MINILM) / TOKENIZER)
    tokens = [reader.tokens(pair.claim, pair.excerpt) for pair in pairs]
    lengths = [len(ids) for ids, _ in tokens]
    ends = np.cumsum(lengths)
    truth = np.array([pair.truth for pair in pairs], dtype=np.float32)
    weight = np.array([pair.weight for pair in pairs], dtype=np.float32)
    found = States(np.empty(0), ends - lengths, ends, truth, weight)
    if not kept.exists() or len(np.load(kept, mmap_mode="r")) != ends[-1]:
        draft = kept.with_suffix(".draft.npy")
        _write(tokens, found, draft)
        draft.replace(kept)
    print(f"{len(pairs)} pairs, {ends[-1]} tokens: {time.monotonic() - began:.0f} s", flush=True)
    return replace(found, rows=np.load(kept, mmap_mode="r"))


def _write(tokens: Sequence[tuple[list[int], int]], places: States, path: Path) -> None:
    """Run tokens through the lower layers, into a file."""
    lengths = places.lengths
    shape = (int(lengths.sum()), HIDDEN)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
    lower = Lower(pretrained(), layers=BELOW)
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            members = order[start : start + _BATCH]
            longest = max(lengths[at] for at in members)
            ids = torch.zeros((len(members), longest), dtype=torch.long)
            segments, mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
            for row, at in enumerate(members):
                mine, claimed = tokens[at]
                ids[row, : len(mine)] = torch.tensor(mine)
                segments[row, claimed : len(mine)] = 1
                mask[row, : len(mine)] = True
            states = lower(ids, segments, mask).to(torch.float16).numpy()
            for row, at in enumerate(members):
                rows[places.starts[at] : places.ends[at]] = states[row, : lengths[at]]
    rows.flush()


def scored(model: Upper, states: States) -> np.ndarray:
    """Chances of the verdicts, shape (pairs, 3)."""
    model.eval()
    found = np.empty((len(states), 3))
    order = np.argsort(states.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            members = order[start : start + _BATCH]
            hidden, mask = states.batch(members)
            found[members] = torch.softmax(model(hidden, mask), dim=1).numpy()
    return found


def loss_of(scores: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """How surprised the model is: of several verdicts that would be right, any will do."""
    logs = torch.log_softmax(scores, dim=1)
    right = torch.logsumexp(logs.masked_fill(truth == 0, -math.inf), dim=1)
    return -(right * weight).sum() / weight.sum()


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train.

    Attributes:
        epochs: passes over the pairs, over which the rate falls to nothing.
        stop: the step after which the mean of the weights is taken, if that is before the end.
        seed: of order, dropout and head.
        kept: the file that gets the weights; if it is there, they are taken from it.
    """

    epochs: float
    seed: int
    kept: Path
    stop: int | None = None


def fit(states: States, plan: Plan) -> Upper:
    """Train the upper layers, unless that was done already; their mean over the steps is kept.

    Args:
        states: of the pairs.
        plan: how long.
    """
    torch.manual_seed(plan.seed)
    model = Upper(pretrained(), below=BELOW)
    if plan.kept.exists():
        model.load_state_dict(torch.load(plan.kept))
        return model
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    head = [value for name, value in model.named_parameters() if name.startswith("head")]
    body = [value for name, value in model.named_parameters() if not name.startswith("head")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": _RATE}, {"params": head, "lr": _HEAD_RATE}],
        weight_decay=0.01,
    )
    batches = list(_batches(states, plan))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda at: _pace(at, len(batches)))
    began, total = time.process_time(), 0.0
    for step, members in enumerate(batches, start=1):
        model.train()
        hidden, mask = states.batch(members)
        truth, weight = (torch.from_numpy(a[members]) for a in (states.truth, states.weight))
        loss = loss_of(model(hidden, mask), truth, weight)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _NORM)
        optimiser.step()
        schedule.step()
        share = min(_AVERAGE, step / (step + 10))
        for name, value in model.state_dict().items():
            kept[name].lerp_(value, 1 - share)
        total += loss.item()
        if step % _SAY == 0 or step == len(batches):
            said = {"step": step, "of": len(batches), "loss": round(total / _SAY, 4)}
            print(json.dumps({**said, "cpu_s": round(time.process_time() - began)}), flush=True)
            total = 0.0
        if step % _KEEP == 0:
            torch.save(kept, plan.kept.with_suffix(".part"))
        if step == plan.stop:
            break
    torch.save(kept, plan.kept)
    model.load_state_dict(kept)
    return model


def _pace(step: int, steps: int) -> float:
    warm = max(1, int(_WARM * steps))
    return (step + 1) / warm if step < warm else max(0.0, (steps - step) / (steps - warm))


def _batches(states: States, plan: Plan) -> Iterator[np.ndarray]:
    """Batches of like length, in an order of their own."""
    random = np.random.default_rng(plan.seed)
    lengths = states.lengths
    left = round(plan.epochs * len(states))
    while left > 0:
        order = random.permutation(len(states))[:left]
        left -= len(order)
        for start in range(0, len(order), _POOL * _BATCH):
            pool = order[start : start + _POOL * _BATCH]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            cuts = np.split(pool, range(_BATCH, len(pool), _BATCH))
            for at in random.permutation(len(cuts)):
                yield cuts[at]
