"""What the screen is fitted on, and a screen fitted without a family.

The weighted sum of features is fitted first. It chooses the windows that the network and the closer
reader are trained on and read again: of every text those that look most like an order, or they
would learn what the sum knows already. What must never live here: a threshold, or a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from injection.closer import Part, level
from injection.closer import fit as fit_closer
from injection.fitting import Windows, fit, read
from injection.network import Read, quantised
from injection.network import fit as fit_network
from injection.teacher import told
from verifier.screen_model import AGAIN, SHORT
from verifier.skeleton import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from injection.closer import Closer
    from injection.sets import Sets
    from verifier.screen_features import FeatureReader
    from verifier.screen_network import Network
    from verifier.screen_pieces import PieceReader

SHARE = 0.75
"""What the network's sum counts beside that of the features."""

COUNTS = {"neuralchemy": 0.6, "slabs": 0.7, "bastion": 3.0, "cyberseceval": 2.0, "deepset": 2.0}
"""How much an attack of a family counts, so that large collections do not drown small ones."""

EPOCHS = 2.0
_LOUD = 0.03  # share of honest windows that are read again wherever they stand
_SHOWN = 2  # windows of a text that the network is trained on


@dataclass
class Screen:
    """A fitted screen.

    Attributes:
        weights: Of the features, shape (2 ** BITS,).
        bias: Of their sum.
        loud: The sum from which a window is read again whatever else there is.
        network: What reads again.
    """

    weights: np.ndarray
    bias: float
    loud: float
    network: Network

    def read(self, windows: Windows, pieces: PieceReader) -> Told:
        """Read windows, and those again that are read again."""
        sums = windows.features @ self.weights + self.bias
        loud = np.flatnonzero(sums >= self.loud)
        members = np.union1d(windows.highest(sums, AGAIN), loud)
        again = [self.network.decision(pieces.read(skeleton(windows.said[at]))) for at in members]
        return Told(windows, members, sums[members], np.array(again))


@dataclass(frozen=True)
class Told:
    """What readers say of the windows that are read again.

    Attributes:
        windows: All windows.
        members: Which are read again.
        first: Sums of the first reader, shape (members,).
        again: Sums of the network, likewise.
    """

    windows: Windows
    members: np.ndarray
    first: np.ndarray
    again: np.ndarray

    @property
    def short(self) -> np.ndarray:
        """Which texts are short, shape (texts,)."""
        found: np.ndarray = (
            np.bincount(self.windows.text, minlength=len(self.windows.kinds)) <= SHORT
        )
        return found

    def by_first(self) -> np.ndarray:
        """The highest sum of each text, by the first reader and the network; shape (texts,)."""
        return self.windows.best(self.members, self.first + SHARE * self.again)

    def by_closer(self, closer: Closer) -> np.ndarray:
        """The same by the closer reader and the network."""
        sums = self.windows.features[self.members] @ closer.weights + closer.bias
        return self.windows.best(self.members, sums + SHARE * self.again)

    def best(self, closer: Closer, *, raised: float) -> np.ndarray:
        """The highest sum of each text, as `verifier.screen_model` finds it; shape (texts,).

        Args:
            closer: The reader of short texts.
            raised: What is added to their scores.
        """
        return np.where(self.short, self.by_closer(closer) + raised, self.by_first())

    def level(self, closer: Closer) -> float:
        """What short texts are raised by, if these are honest ones."""
        return level(self.by_first(), self.by_closer(closer)[self.short])


class Material:
    """The windows of every part, read once."""

    def __init__(
        self,
        sets: Sets,
        *,
        reader: FeatureReader,
        pieces: PieceReader,
        table: np.ndarray,
        work: Path,
    ) -> None:
        """Read them.

        Args:
            sets: From `sets.assembled`.
            reader: Of features.
            pieces: Of pieces.
            table: Embeddings of pieces.
            work: A folder for what the teacher told.
        """
        self.sets = sets
        self.attacks = {key: read(found, reader) for key, found in sets.attacks.items() if found}
        self.beside = {key: read(found, reader) for key, found in sets.beside.items() if found}
        self.honest = {part: read(found, reader) for part, found in sets.honest.items()}
        self.pieces = pieces
        self._table = table
        self._told = work / "told.npz"

    def told_from(self, family: str) -> Windows:
        """The honest windows that a family is told from."""
        own = self.beside.get((family, "report"))
        held = self.sets.held_against(family)
        return own if own is not None and len(held) == len(own.kinds) else self.honest["report"]

    def fitted(self, *, without: str | None = None) -> Screen:
        """Fit on the training part of every family but one."""
        attacks = self._known(self.attacks, without)
        honest = [self.honest["train"], *(found for found, _ in self._known(self.beside, without))]
        weights, bias = fit([*((found, 1.0) for found in honest), *attacks])
        shown = [_shown(found) for found, _ in attacks]
        near = [found.highest(found.features @ weights, _SHOWN) for found in honest]
        said, labels, counts = [], [], []
        for found, members, count in [
            *((found, members, None) for found, members in zip(honest, near, strict=True)),
            *((found, shown[at], count) for at, (found, count) in enumerate(attacks)),
        ]:
            said += [found.said[at] for at in members]
            labels.append(np.full(len(members), count is not None))
            siblings = np.bincount(found.text[members])[found.text[members]]
            counts.append(np.ones(len(members)) if count is None else count / np.sqrt(siblings))
        windows = Read.of([self.pieces.read(skeleton(text)) for text in said])
        model = fit_network(
            windows,
            told(said, kept=self._told),
            labels=np.concatenate(labels),
            counts=np.concatenate(counts),
            table=self._table,
            epochs=EPOCHS,
        )
        kept = self.honest["calibrate"]
        loud = float(np.quantile(kept.features @ weights + bias, 1 - _LOUD))
        return Screen(weights, bias, loud, quantised(model, windows))

    def closer(self, screen: Screen, *, without: str | None = None) -> Closer:
        """Fit the reader of short texts on the same windows.

        Args:
            screen: Fitted without the same family.
            without: The family.
        """
        known = [found for found, _ in self._known(self.beside, without)]
        honest = [self.honest["train"], *known]
        attacks = [found for found, _ in self._known(self.attacks, without)]
        return fit_closer(
            [
                *(
                    Part(
                        found, found.highest(found.features @ screen.weights, _SHOWN), attacks=False
                    )
                    for found in honest
                ),
                *(Part(found, _shown(found), attacks=True) for found in attacks),
            ]
        )

    @staticmethod
    def _known(
        found: dict[tuple[str, str], Windows], without: str | None
    ) -> Sequence[tuple[Windows, float]]:
        return [
            (windows, COUNTS.get(family, 1.0))
            for (family, part), windows in found.items()
            if part == "train" and family != without
        ]


def _shown(windows: Windows) -> np.ndarray:
    """Some windows of every attack that hold it, by chance."""
    chance = np.random.default_rng(0).random(len(windows.label))
    members = windows.highest(np.where(windows.label, chance, -1.0), _SHOWN)
    return members[windows.label[members]]
