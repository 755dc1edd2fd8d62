"""Fit the judge of support (`verifier/models/support.npz`) and report on held-out collections.

    nice python training/fit_support.py --data DIR --work DIR [--write] [--figures FILE.json]

`DIR` holds `support`. Some collections are left out first: a model is fitted without them and
reports how well it tells what they call supported. How its chances are weighed with the rules is
fitted on those reports, because on collections it knows a model is surer than it will ever be
again. SciFact's development part takes part in nothing but the report.

What was computed is kept in the work folder, and a run that was cut goes on where it was: states
below the trained layers, and each model. About an hour on two cores; nothing needs a GPU.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from support.fitting import Plan, fit, scored, states_of
from support.pairs import of_source
from support.report import blended, by_rules, contradicted, figures, log_odds
from support.sets import FOLDS, assembled
from support.shipping import sha256_of, weights_of

if TYPE_CHECKING:
    from support.encoder import Upper
    from support.fitting import States
    from support.sets import Sets

WEIGHTS = Path(__file__).parent.parent / "verifier" / "models" / "support.npz"
FOLD_EPOCHS = 1.0
EPOCHS = 1.5
STOP = 800
"""Steps of 32 pairs for the shipped model: the last that was kept when it was trained."""

SURE = (0.6, 0.7, 0.8, 0.9)
"""Chances of contradiction that are tried out on collections left out."""

_ALL = 1  # seeds
_FOLD = 2


def fitted(sets: Sets, states: States, *, without: tuple[str, ...], plan: Plan) -> Upper:
    """Fit on all that may be learned from, but for some collections."""
    known = [at for at, pair in enumerate(sets.train) if pair.source not in without]
    print(plan.kept.stem, len(known), flush=True)
    return fit(states.subset(known), plan)


def main() -> None:
    """Fit, report and, if asked to, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    sets = assembled(options.data)
    states = states_of(sets.all, kept=options.work / "states.npy")
    told: dict[str, object] = {}
    parts = {}
    for number, fold in enumerate(FOLDS):
        kept = options.work / f"{'-'.join(('without', *fold))}.pt"
        plan = Plan(FOLD_EPOCHS, _FOLD + number, kept)
        model = fitted(sets, states, without=fold, plan=plan)
        for source in fold:
            places = [at for at, pair in enumerate(sets.labelled) if pair.source == source]
            pairs = of_source(sets.labelled, source)
            chances = scored(model, states.subset(places))
            parts[source] = (chances[:, 0], by_rules(pairs), pairs)
            for sure in SURE:
                print(source, json.dumps(contradicted(chances, pairs, sure=sure)), flush=True)
    weights = blended(
        [
            (chance, rules[:, 0], np.array([bool(pair.truth[0]) for pair in pairs]))
            for chance, rules, pairs in parts.values()
        ]
    )
    print("weights of model and rules, offset:", weights, flush=True)
    plan = Plan(EPOCHS, _ALL, options.work / "all.pt", stop=STOP)
    model = fitted(sets, states, without=(), plan=plan)
    first = len(sets.train)
    for name, pairs in (("scifact", sets.dev), ("scifact_abstracts", sets.dev_abstracts)):
        places = list(range(first, first + len(pairs)))
        first += len(pairs)
        parts[name] = (scored(model, states.subset(places))[:, 0], by_rules(pairs), pairs)
    for name, (chance, rules, pairs) in parts.items():
        both = weights[0] * log_odds(chance) + weights[1] * log_odds(rules[:, 0])
        told[name] = {
            "model": figures(chance, pairs),
            "rules": figures(rules[:, 0], pairs),
            "words": figures(rules[:, 1], pairs),
            "both": figures(both, pairs),
        }
        print(name, json.dumps(told[name]), flush=True)
    if options.figures:
        options.figures.write_text(json.dumps(told, indent=1) + "\n")
    if options.write:
        stored = weights_of(model).stored()
        WEIGHTS.write_bytes(stored)
        print(f"SHA256 = {sha256_of(stored)}, {len(stored):,} bytes")


if __name__ == "__main__":
    main()
