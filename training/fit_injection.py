"""Fit the injection screen (`verifier/models/injection.npz`) and report on held-out families.

    nice python training/fit_injection.py --data DIR --work DIR [--write] [--figures FILE.json]

`DIR` holds `injection` and `support`. Every family of attacks is left out once: a screen is fitted
without it and reports how well it tells that family's attacks from honest texts it has not seen
either. The calibration is fitted on those reports, because on families it knows a model is surer
than it will ever be again. The thresholds are set on a third part of honest texts, full of orders
to people, so that the stated share of it is reported falsely.

What was dealt out, what a larger encoder told of windows, and each fitted screen are kept in the
work folder, and a run that was cut goes on where it was, with the same texts even if the manuals
among them have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from injection import corpus
from injection.closer import Closer
from injection.fitting import calibrated, quantised, read
from injection.material import SHARE, Material
from injection.placing import as_they_are
from injection.sets import assembled
from injection.vocabulary import embedded_pieces, word_classes
from sklearn.metrics import roc_auc_score

from verifier.screen_features import FeatureReader
from verifier.screen_model import CLOSER, FIRST
from verifier.screen_pieces import PieceReader
from verifier.screen_sum import WeightedSum

if TYPE_CHECKING:
    from collections.abc import Callable

    from injection.fitting import Windows

Kept = TypeVar("Kept")

CERTAIN = 0.002
SUSPECTED = 0.02
"""Shares of honest texts that may be reported falsely, as `high` and at all."""

WEIGHTS = Path(__file__).parent.parent / "verifier" / "models" / "injection.npz"


def report(attacks: np.ndarray, honest: np.ndarray, kinds: list[str]) -> dict[str, object]:
    """How well scores tell attacks from honest texts."""
    labels = np.r_[np.ones(len(attacks)), np.zeros(len(honest))]
    limits = {share: np.quantile(honest, 1 - share) for share in (0.01, 0.05)}
    found: dict[str, object] = {
        "attacks": len(attacks),
        "honest": len(honest),
        "auroc": round(float(roc_auc_score(labels, np.r_[attacks, honest])), 3),
    }
    for share, limit in limits.items():
        found[f"recall_at_{share:.0%}"] = round(float((attacks > limit).mean()), 3)
    named = np.array(kinds)
    for kind in sorted(set(kinds)):
        chosen = attacks[named == kind]
        found[f"recall_at_1%_{kind}"] = round(float((chosen > limits[0.01]).mean()), 3)
    return found


def kept(path: Path, made: Callable[[], Kept]) -> Kept:
    """What a file holds, which is made if it is missing."""
    if path.exists():
        found: Kept = pickle.loads(path.read_bytes())  # noqa: S301  # this script wrote it
        return found
    found = made()
    path.write_bytes(pickle.dumps(found))
    return found


class Fitted:
    """A screen that was fitted without a family, and what it says of texts."""

    def __init__(self, material: Material, *, without: str | None, work: Path) -> None:
        """Fit it, unless that was done already.

        Args:
            material: What it is fitted on.
            without: The family; `None` for all of them.
            work: Where fitted screens are kept.
        """
        name = f"{without or 'all'}.pickle"
        self.screen = kept(work / f"screen-{name}", lambda: material.fitted(without=without))
        self.closer = kept(
            work / f"closer-{name}", lambda: material.closer(self.screen, without=without)
        )
        self._pieces = material.pieces
        honest = self.screen.read(material.honest["calibrate"], self._pieces)
        self.raised = honest.level(self.closer)
        self.honest = honest.best(self.closer, raised=self.raised)

    def best(self, windows: Windows) -> np.ndarray:
        """The highest sum of each text, shape (texts,)."""
        return self.screen.read(windows, self._pieces).best(self.closer, raised=self.raised)

    def sums(self) -> tuple[WeightedSum, WeightedSum]:
        """The first reader and the closer one, as they are shipped; the fitted become the same."""
        first, scale = quantised(self.screen.weights)
        self.screen.weights = first * scale
        closer, step = quantised(self.closer.weights)
        self.closer = Closer(closer * step, self.closer.bias)
        bias = self.closer.bias + self.raised
        return WeightedSum(first, scale, self.screen.bias), WeightedSum(closer, step, bias)


def shares(scores: np.ndarray, limits: tuple[float, float]) -> list[float]:
    """The shares of scores that reach each of the limits."""
    return [float((scores >= limit).mean()) for limit in limits]


def told() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--figures", type=Path)
    return parser.parse_args()


def main() -> None:
    """Fit, report and, if asked to, write."""
    options = told()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    classes = word_classes()
    names, table = embedded_pieces()
    reader, pieces = FeatureReader(classes), PieceReader(names)
    material = Material(
        kept(options.work / "sets.pickle", lambda: assembled(options.data)),
        reader=reader,
        pieces=pieces,
        table=table,
        work=options.work,
    )
    print(f"read after {time.monotonic() - began:.0f} s", flush=True)
    figures: dict[str, object] = {}
    strange, known = [], []
    for family in material.sets.families:
        screen = Fitted(material, without=family, work=options.work)
        attacks = material.attacks[family, "report"]
        scores = screen.best(attacks)
        general = screen.best(material.honest["report"])
        own = material.told_from(family)
        beside = general if own is material.honest["report"] else screen.best(own)
        strange.append(scores)
        known.append(screen.honest)
        figures[family] = {
            "told_from_its_own": report(scores, beside, attacks.kinds),
            "told_from_all": report(scores, general, attacks.kinds),
        }
        print(family, json.dumps(figures[family]), f"{time.monotonic() - began:.0f} s", flush=True)
    for against in ("told_from_its_own", "told_from_all"):
        for name in ("auroc", "recall_at_1%"):
            mean = np.mean([figures[family][against][name] for family in material.sets.families])
            print("mean", against, name, round(float(mean), 4))
    screen = Fitted(material, without=None, work=options.work)
    first, closer = screen.sums()
    labels = np.r_[np.ones(sum(map(len, strange))), np.zeros(sum(map(len, known)))]
    slope, offset = calibrated(np.concatenate([*strange, *known]), labels)

    def chance(windows: Windows) -> np.ndarray:
        return 1 / (1 + np.exp(-(slope * screen.best(windows) + offset)))

    honest = chance(material.honest["calibrate"])
    limits = (
        float(np.quantile(honest, 1 - CERTAIN)),
        float(np.quantile(honest, 1 - SUSPECTED)),
    )
    certain, suspected = limits
    valid = [
        chance(read(as_they_are(texts, family="valid", attack=bool(label)), reader))
        for label, texts in enumerate(corpus.valid(options.data))
    ]
    unseen = chance(material.honest["report"])
    source = np.array([example.family for example in material.sets.honest["report"]])
    figures["shipped"] = {
        "slope": slope,
        "offset": offset,
        "certain": certain,
        "suspected": suspected,
        "false_alarms_report": shares(unseen, limits),
        "false_alarms_by_source": {
            name: shares(unseen[source == name], limits) for name in sorted(set(source))
        },
        "valid_false_alarms": shares(valid[0], limits),
        "valid_recall": shares(valid[1], limits),
    }
    print("shipped", json.dumps(figures["shipped"], indent=1))
    if options.figures:
        options.figures.write_text(json.dumps(figures, indent=1) + "\n")
    if options.write:
        numbers = {
            "loud": screen.screen.loud,
            "share": SHARE,
            "slope": slope,
            "offset": offset,
            "certain": certain,
            "suspected": suspected,
        }
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            words=np.frombuffer("\n".join(classes).encode(), dtype=np.uint8),
            classes=np.array(list(classes.values()), dtype=np.uint8),
            pieces=np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
            **first.parts(name=FIRST),
            **closer.parts(name=CLOSER),
            **screen.screen.network.parts(),
            **{name: np.float64(value) for name, value in numbers.items()},
        )
        WEIGHTS.write_bytes(stream.getvalue())
        print(f"SHA256 = {hashlib.sha256(stream.getvalue()).hexdigest()}")
    print(f"done after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
