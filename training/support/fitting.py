"""From pairs to weights: tokens, the states below, and the steps of training.

The lower layers never change, so their states are computed once and kept in half precision; an
epoch costs the upper layers alone. What must never live here: a data set, or a threshold.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
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
_NORM: Final = 1.0


@dataclass(frozen=True, slots=True)
class States:
    """Pairs after the lower layers.

    Attributes:
        rows: states of all tokens, shape (tokens, hidden), half precision.
        ends: where each pair's rows end, shape (pairs + 1,).
        truth: verdicts that would be right, shape (pairs, 3).
        weight: how much each counts, shape (pairs,).
    """

    rows: np.ndarray
    ends: np.ndarray
    truth: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        """Pairs."""
        return len(self.truth)

    def batch(self, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States padded to the longest, and which of them are real."""
        parts = [self.rows[self.ends[at] : self.ends[at + 1]] for at in members]
        longest = max(map(len, parts))
        states = np.zeros((len(parts), longest, HIDDEN), dtype=np.float32)
        mask = np.zeros((len(parts), longest), dtype=bool)
        for row, part in enumerate(parts):
            states[row, : len(part)] = part
            mask[row, : len(part)] = True
        return torch.from_numpy(states), torch.from_numpy(mask)


def states_of(pairs: Sequence[Pair], *, say: bool = True) -> States:
    """Run pairs through the lower layers."""
    began = time.monotonic()
    reader = PairReader(verified_folder(MINILM) / TOKENIZER)
    tokens = [reader.tokens(pair.claim, pair.excerpt) for pair in pairs]
    lengths = [len(ids) for ids, _ in tokens]
    ends = np.concatenate(([0], np.cumsum(lengths)))
    rows = np.empty((ends[-1], HIDDEN), dtype=np.float16)
    lower = Lower(pretrained(), layers=BELOW)
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            members = order[start : start + _BATCH]
            longest = max(lengths[at] for at in members)
            ids = torch.zeros((len(members), longest), dtype=torch.long)
            segments, mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
            for row, at in enumerate(members):
                found, claimed = tokens[at]
                ids[row, : len(found)] = torch.tensor(found)
                segments[row, claimed : len(found)] = 1
                mask[row, : len(found)] = True
            states = lower(ids, segments, mask).to(torch.float16).numpy()
            for row, at in enumerate(members):
                rows[ends[at] : ends[at + 1]] = states[row, : lengths[at]]
    if say:
        print(
            f"{len(pairs)} pairs, {ends[-1]} tokens below in {time.monotonic() - began:.0f} s",
            flush=True,
        )
    truth = np.array([pair.truth for pair in pairs], dtype=np.float32)
    weight = np.array([pair.weight for pair in pairs], dtype=np.float32)
    return States(rows, ends, truth, weight)


def scored(model: Upper, states: States) -> np.ndarray:
    """Chances of the verdicts, shape (pairs, 3)."""
    model.eval()
    found = np.empty((len(states), 3))
    order = np.argsort(np.diff(states.ends), kind="stable")
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
    """How long to train, and how often to look.

    Attributes:
        epochs: passes over the pairs.
        seed: of order and dropout.
        minutes: processor time after which the rate has fallen to nothing; 0 for no limit.
        checkpoint: where the weights are kept.
    """

    epochs: float
    seed: int
    checkpoint: Path
    rate: float = _RATE


def fit(states: States, plan: Plan, *, watch: dict[str, States] | None = None) -> Upper:
    """Train the upper layers.

    Args:
        states: of the pairs.
        plan: how long.
        watch: sets to score now and then, for the log alone.
    """
    torch.manual_seed(plan.seed)
    model = Upper(pretrained(), below=BELOW)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    head = [value for name, value in model.named_parameters() if name.startswith("head")]
    body = [value for name, value in model.named_parameters() if not name.startswith("head")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": plan.rate}, {"params": head, "lr": _HEAD_RATE}],
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
        if step % 50 == 0 or step == len(batches):
            said = {"step": step, "of": len(batches), "loss": round(total / 50, 4)}
            print(json.dumps({**said, "cpu_s": round(time.process_time() - began)}), flush=True)
            total = 0.0
        if step % 400 == 0 or step == len(batches):
            torch.save(kept, plan.checkpoint)
            for name, held in (watch or {}).items():
                averaged = Upper(pretrained(), below=BELOW)
                averaged.load_state_dict(kept)
                print(name, figures(scored(averaged, held), held.truth), flush=True)
    model.load_state_dict(kept)
    return model


def _pace(step: int, steps: int) -> float:
    warm = max(1, int(_WARM * steps))
    return (step + 1) / warm if step < warm else max(0.0, (steps - step) / (steps - warm))


def _batches(states: States, plan: Plan) -> Iterator[np.ndarray]:
    """Batches of like length, in an order of their own."""
    random = np.random.default_rng(plan.seed)
    lengths = np.diff(states.ends)
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


def figures(chances: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """AUROC of support, of contradiction where it was asked for, and shares told right."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import, and not for tests

    supported = truth[:, 0] == 1
    found = {"auroc": roc_auc_score(supported, chances[:, 0])}
    against = (truth == (0, 1, 0)).all(axis=1)
    if against.any() and supported.any():
        either = supported | against
        found["auroc_against"] = roc_auc_score(supported[either], chances[either, 0])
        found["recall_against"] = (chances[against].argmax(axis=1) == 1).mean()
    neither = (truth == (0, 0, 1)).all(axis=1)
    if neither.any():
        either = supported | neither
        found["auroc_neither"] = roc_auc_score(supported[either], chances[either, 0])
    return {name: round(float(value), 3) for name, value in found.items()}
