"""Fit the injection screen (`verifier/models/injection.npz`) and report on held-out families.

    nice python training/fit_injection.py --data DIR --work DIR [--write] [--figures FILE.json]

`DIR` holds `injection` and `support`. Every family of attacks is left out once: a screen is fitted
without it and reports how well it tells that family's attacks from honest texts it has not seen
either. The calibration is fitted on those reports, because on families it knows a model is surer
than it will ever be again. The thresholds are set on a third part of honest texts, full of orders
to people, so that the stated share of it is reported falsely.

What a larger encoder told of windows, and each fitted screen, are kept in the work folder, and a
run that was cut goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from injection import corpus
from injection.fitting import calibrated, quantised, read
from injection.material import SHARE, Material, Screen
from injection.placing import as_they_are
from injection.sets import assembled
from injection.vocabulary import embedded_pieces, word_classes
from sklearn.metrics import roc_auc_score

from verifier.screen_features import FeatureReader
from verifier.screen_pieces import PieceReader

if TYPE_CHECKING:
    from injection.fitting import Windows

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


def fitted(material: Material, *, without: str | None, work: Path) -> Screen:
    """Fit a screen without a family, unless that was done already."""
    kept = work / f"screen-{without or 'all'}.pickle"
    if kept.exists():
        return pickle.loads(kept.read_bytes())  # noqa: S301  # this script wrote it
    screen = material.fitted(without=without)
    kept.write_bytes(pickle.dumps(screen))
    return screen


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
        assembled(options.data), reader=reader, pieces=pieces, table=table, work=options.work
    )
    print(f"read after {time.monotonic() - began:.0f} s", flush=True)
    figures: dict[str, object] = {}
    strange, known = [], []
    for family in material.sets.families:
        screen = fitted(material, without=family, work=options.work)
        attacks = material.attacks[family, "report"]
        scores = screen.best(attacks, pieces)
        general = screen.best(material.honest["report"], pieces)
        own = material.told_from(family)
        beside = general if own is material.honest["report"] else screen.best(own, pieces)
        strange.append(scores)
        known.append(screen.best(material.honest["calibrate"], pieces))
        figures[family] = {
            "told_from_its_own": report(scores, beside, attacks.kinds),
            "told_from_all": report(scores, general, attacks.kinds),
        }
        print(family, json.dumps(figures[family]), f"{time.monotonic() - began:.0f} s", flush=True)
    for against in ("told_from_its_own", "told_from_all"):
        for name in ("auroc", "recall_at_1%"):
            mean = np.mean([figures[family][against][name] for family in material.sets.families])
            print("mean", against, name, round(float(mean), 4))
    screen = fitted(material, without=None, work=options.work)
    integers, scale = quantised(screen.weights)
    screen = replace(screen, weights=integers * scale)
    labels = np.r_[np.ones(sum(map(len, strange))), np.zeros(sum(map(len, known)))]
    slope, offset = calibrated(np.concatenate([*strange, *known]), labels)

    def chance(windows: Windows) -> np.ndarray:
        return 1 / (1 + np.exp(-(slope * screen.best(windows, pieces) + offset)))

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
            "scale": scale,
            "bias": screen.bias,
            "loud": screen.loud,
            "share": SHARE,
            "slope": slope,
            "offset": offset,
            "certain": certain,
            "suspected": suspected,
        }
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            weights=integers,
            words=np.frombuffer("\n".join(classes).encode(), dtype=np.uint8),
            classes=np.array(list(classes.values()), dtype=np.uint8),
            pieces=np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
            **screen.network.parts(),
            **{name: np.float64(value) for name, value in numbers.items()},
        )
        WEIGHTS.write_bytes(stream.getvalue())
        print(f"SHA256 = {hashlib.sha256(stream.getvalue()).hexdigest()}")
    print(f"done after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
