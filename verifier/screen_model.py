"""The trained injection screen: how much each window of a text looks like an order to a machine.

A linear model over hashed features reads every window, and a small network reads those again that
look most like an order. In a text of few sentences, such as a message to a chatbot, a closer linear
model reads them again too, and its sum stands in place of the first one's. All weights are small
integers that come with the package, and they are added as integers, so a score is the same on every
machine, alone or in any batch. Behind
the rules, never instead of them; `docs/injection-model.md` says what it is worth.

What must never live here: training, or an import that training needs.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp
from typing import Final, Self
from zipfile import BadZipFile

import numpy as np

from verifier.errors import ScreenModelError
from verifier.reviewed import reviewed
from verifier.screen_features import FeatureReader, Window
from verifier.screen_network import Network
from verifier.screen_pieces import PieceReader
from verifier.screen_sum import WeightedSum
from verifier.skeleton import skeleton

WEIGHTS: Final = "injection.npz"
SHA256: Final = "bca1d2050d08f8f21269767aec89a00c1ddfc5f66fa3e5d6df1b8aa4ffcc0d7d"

AGAIN: Final = 3
"""Windows of a text that are read again even where none is loud."""

SHORT: Final = 5
"""Windows of a text that the closer reader reads: those of three sentences, or of fewer.

Whether three sentences are an attack on a chatbot or a question to one is told by other words than
where an order stands in a page.
"""

FIRST: Final = "first"
CLOSER: Final = "closer"


@dataclass(frozen=True, slots=True)
class Passage:
    """A span that looks like an order to the machine that reads it.

    Attributes:
        start: First code point.
        end: One past the last.
        score: From 0 to 1, calibrated.
    """

    start: int
    end: int
    score: float


class ScreenModel:
    """The weights, and how they are read."""

    def __init__(self, stored: bytes) -> None:
        """Read weights.

        Args:
            stored: A NumPy archive: `words` and `classes` (which word is of which class), `loud`
                (the sum from which a window is always read again), `share` (what the network's sum
                counts beside the other), `slope` and `offset` of the calibration, `certain` and
                `suspected`; `pieces`, the parts of a `Network`, and those of two weighted sums,
                `first` and `closer`.

        Raises:
            ScreenModelError: It is no such archive.
        """
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
                self._first = WeightedSum.read(archive, name=FIRST)
                self._closer = WeightedSum.read(archive, name=CLOSER)
                words = archive["words"].tobytes().decode().split("\n")
                classes = archive["classes"].tolist()
                numbers = {name: float(archive[name]) for name in _NUMBERS}
                pieces = archive["pieces"].tobytes().decode().split("\n")
                self._network = Network.read(archive)
            self._reader = FeatureReader(dict(zip(words, classes, strict=True)))
            self._pieces = PieceReader(pieces)
        except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
            raise ScreenModelError(
                f"{WEIGHTS} is not a screen model ({type(error).__name__}); reinstall the package"
            ) from error
        if self._network.pieces != len(pieces):
            raise ScreenModelError(f"{WEIGHTS} has another list of pieces; reinstall the package")
        self._loud, self._share = numbers["loud"], numbers["share"]
        self._slope, self._offset = numbers["slope"], numbers["offset"]
        self.certain = numbers["certain"]
        self.suspected = numbers["suspected"]

    @classmethod
    def shipped(cls) -> Self:
        """The model that comes with this package, checked before it is read.

        Raises:
            ScreenModelError: The file is missing, or not the one that was reviewed.
        """
        return cls(reviewed(WEIGHTS, SHA256, ScreenModelError))

    def score(self, text: str) -> float:
        """The highest score of a window; 0 for a text without any.

        Args:
            text: Sanitised text.
        """
        windows = self._reader.windows(text)
        return max((chance for _, chance in self._read_again(windows, text)), default=0.0)

    def passages(self, text: str) -> list[Passage]:
        """Find what reaches the lower threshold, as narrow as it can be said.

        Where a single sentence reaches the threshold, it is reported alone; where only two
        together do, both are. What touches is one passage.

        Args:
            text: Sanitised text.

        Returns:
            Passages, ascending, apart from each other.
        """
        windows = self._reader.windows(text)
        reached = [it for it in self._read_again(windows, text) if it[1] >= self.suspected]
        alone = {window.sentences[0] for window, _ in reached if len(window.sentences) == 1}
        told: dict[int, float] = {}
        for window, chance in reached:
            for at in [at for at in window.sentences if at in alone] or window.sentences:
                told[at] = max(told.get(at, 0.0), chance)
        # The first windows are those of one sentence each, in order.
        return _joined([(at, windows[at], told[at]) for at in sorted(told)])

    def _read_again(self, windows: Sequence[Window], text: str) -> list[tuple[Window, float]]:
        """The windows that look most like an order, and the chance that each is one.

        Read again are the highest of a text, which decide its score, and all that are loud, so
        that nothing of a text full of orders is passed over.
        """
        sums = [self._first.decision(window.features) for window in windows]
        highest = sorted(range(len(sums)), key=lambda at: (-sums[at], at))
        chosen = [at for rank, at in enumerate(highest) if rank < AGAIN or sums[at] >= self._loud]
        if len(windows) <= SHORT:
            sums = [self._closer.decision(window.features) for window in windows]
        return [(windows[at], self._chance(windows[at], sums[at], text)) for at in sorted(chosen)]

    def _chance(self, window: Window, linear: float, text: str) -> float:
        pieces = self._pieces.read(skeleton(text[window.start : window.end]))
        z = self._slope * (linear + self._share * self._network.decision(pieces)) + self._offset
        return 1 / (1 + exp(-z)) if z > -_LARGEST else 0.0


_LARGEST: Final = 700.0
"""Beyond it the exponential overflows."""

_NUMBERS: Final = (
    "loud", "share", "slope", "offset", "certain", "suspected",
)  # fmt: skip


@cache
def shipped_model() -> ScreenModel:
    """The shipped model, read once a process."""
    return ScreenModel.shipped()


def _joined(told: Sequence[tuple[int, Window, float]]) -> list[Passage]:
    """Join neighbouring sentences that were told of.

    Args:
        told: Number, window and score of each sentence, ascending.
    """
    found: list[Passage] = []
    behind = -1
    for at, sentence, score in told:
        if found and behind == at:
            last = found.pop()
            found.append(Passage(last.start, max(last.end, sentence.end), max(last.score, score)))
        else:
            found.append(Passage(sentence.start, sentence.end, score))
        behind = at + 1
    return found
