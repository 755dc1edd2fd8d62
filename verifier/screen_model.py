"""The trained injection screen: how much each window of a text looks like an order to a machine.

A linear model over hashed features. Its weights are small integers that come with the package, and
they are added as integers, so a score is the same on every machine, alone or in any batch. Behind
the rules, never instead of them; `docs/injection-model.md` says what it is worth.

What must never live here: training, or an import that training needs.
"""

import io
from dataclasses import dataclass
from functools import cache
from math import exp, sqrt
from typing import TYPE_CHECKING, Final, Self
from zipfile import BadZipFile

import numpy as np

from verifier.errors import ScreenModelError
from verifier.reviewed import reviewed
from verifier.screen_features import BITS, FeatureReader, Features, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS: Final = "injection.npz"
SHA256: Final = "226b3e007b324e581e77ecde4c17ece46e7dbf5b61fe37d9b253cd2449185b8b"


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
            stored: A NumPy archive: `weights` (2 ** BITS, int8), `words` and `classes` (which word
                is of which class), and `scale`, `bias`, `slope`, `offset`, `certain`, `suspected`.

        Raises:
            ScreenModelError: It is no such archive.
        """
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
                self._weights: NDArray[np.int8] = archive["weights"]
                words = archive["words"].tobytes().decode().split("\n")
                classes = archive["classes"].tolist()
                numbers = {name: float(archive[name]) for name in _NUMBERS}
            self._reader = FeatureReader(dict(zip(words, classes, strict=True)))
        except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
            raise ScreenModelError(
                f"{WEIGHTS} is not a screen model ({type(error).__name__}); reinstall the package"
            ) from error
        if self._weights.shape != (1 << BITS,) or self._weights.dtype != np.int8:
            raise ScreenModelError(f"{WEIGHTS} has weights of another size; reinstall the package")
        self._scale, self._bias = numbers["scale"], numbers["bias"]
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
        return max((self._scored(window) for window in self._reader.windows(text)), default=0.0)

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
        scores = [self._scored(window) for window in windows]
        if max(scores, default=0.0) < self.suspected:
            return []
        singles = self._reader.sentences(text)
        alone = [self._scored(sentence) for sentence in singles]
        told = [0.0] * len(singles)
        for first, score in enumerate(scores):
            if score < self.suspected:
                continue
            members = range(first, min(first + 2, len(singles)))
            named = [at for at in members if alone[at] >= self.suspected] or members
            for at in named:
                told[at] = max(told[at], score)
        return list(_passages(singles, told))

    def _scored(self, window: Window) -> float:
        z = self._slope * self.decision(window.features) + self._offset
        return 1 / (1 + exp(-z)) if z > -_LARGEST else 0.0

    def decision(self, features: Features) -> float:
        """The weighted sum, as the training left it, before it is calibrated."""
        total = int(self._weights[features].sum(dtype=np.int64))
        return self._scale * total / sqrt(max(len(features), 1)) + self._bias


_LARGEST: Final = 700.0
"""Beyond it the exponential overflows."""

_NUMBERS: Final = ("scale", "bias", "slope", "offset", "certain", "suspected")


@cache
def shipped_model() -> ScreenModel:
    """The shipped model, read once a process."""
    return ScreenModel.shipped()


def _passages(singles: list[Window], told: list[float]) -> list[Passage]:
    """Join neighbouring sentences that were told of."""
    found: list[Passage] = []
    open_until = -1
    for at, (sentence, score) in enumerate(zip(singles, told, strict=True)):
        if not score:
            continue
        if found and open_until == at:
            last = found.pop()
            found.append(Passage(last.start, max(last.end, sentence.end), max(last.score, score)))
        else:
            found.append(Passage(sentence.start, sentence.end, score))
        open_until = at + 1
    return found
