"""The trained judge of support: its weights, and what it says of a claim and an excerpt.

The upper layers of a small encoder that reads claim and evidence together, and a head with three
verdicts. Whoever runs the encoder is given the weights and gives back a vector; here it becomes
three chances. `docs/support-model.md` says what they are worth. What must never live here: a
runtime, training, or what the rules say.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeAlias
from zipfile import BadZipFile

import numpy as np

from verifier.errors import SupportModelError
from verifier.reviewed import reviewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

NAME: Final = "minilm-1"
"""What the model is called beside the rules, where verdicts are shown or kept."""

WEIGHTS: Final = "support.npz"
SHA256: Final = "9ae1422deacca1cc625da920ab38f83bd69c6e7c505d9f84e295b07efa0b1384"

_PLACES: Final = 6  # of a chance: what is beyond differs between processors
_INTEGERS: Final = "integers/"  # tensors as int8, with a scale for each column
_SCALES: Final = "scales/"
_FLOATS: Final = "floats/"


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely a model holds each verdict to be; they add up to 1.

    Attributes:
        supported: the excerpt says so.
        contradicted: it says otherwise.
        not_enough: it does not tell.
    """

    supported: float
    contradicted: float
    not_enough: float


class SupportModel(Protocol):
    """Anything that reads a claim beside evidence."""

    @property
    def name(self) -> str:
        """What it is called."""

    def chances(self, claim: str, excerpt: str) -> Chances:
        """Judge one claim by one excerpt; the same two always get the same answer."""


class PairEncoder(Protocol):
    """Runs the encoder."""

    def encode(self, claim: str, excerpt: str) -> NDArray[np.float64]:
        """A claim and an excerpt as one vector, as long as a row of ``SupportWeights.head``."""


@dataclass(frozen=True, slots=True)
class SupportWeights:
    """What training left behind.

    Attributes:
        graph: the encoder in ONNX, without its constants.
        trained: constants of the graph that were trained, each under its name there.
        frozen: names of the others: they are those of the pretrained encoder.
        head: shape (3, width): a row for each verdict, in the order of ``Chances``.
        bias: shape (3,).
        sha256: of the file they came from.
    """

    graph: bytes
    trained: Mapping[str, Floats]
    frozen: tuple[str, ...]
    head: NDArray[np.float64]
    bias: NDArray[np.float64]
    sha256: str

    @classmethod
    def read(cls, stored: bytes) -> Self:
        """Read weights.

        Args:
            stored: a NumPy archive, as ``stored`` makes it.

        Raises:
            SupportModelError: it is no such archive.
        """
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
                trained = {
                    name.removeprefix(_FLOATS): archive[name]
                    for name in archive.files
                    if name.startswith(_FLOATS)
                }
                for name in archive.files:
                    if name.startswith(_INTEGERS):
                        plain = name.removeprefix(_INTEGERS)
                        whole, scale = archive[name], archive[_SCALES + plain]
                        trained[plain] = np.multiply(whole, scale, dtype=np.float32)
                return cls(
                    graph=archive["graph"].tobytes(),
                    trained=trained,
                    frozen=tuple(archive["frozen"].tobytes().decode().split("\n")),
                    head=archive["head"].astype(np.float64),
                    bias=archive["bias"].astype(np.float64),
                    sha256=hashlib.sha256(stored).hexdigest(),
                )
        except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
            raise SupportModelError(
                f"{WEIGHTS} is not a support model ({type(error).__name__}); reinstall the package"
            ) from error

    @classmethod
    def shipped(cls) -> Self:
        """The weights that come with this package, checked before they are read.

        Raises:
            SupportModelError: the file is missing, or not the one that was reviewed.
        """
        return cls.read(reviewed(WEIGHTS, SHA256, SupportModelError))

    def stored(self) -> bytes:
        """Write weights as ``read`` reads them: large tensors as int8, a scale for each column."""
        parts: dict[str, NDArray[np.generic]] = {
            "graph": np.frombuffer(self.graph, dtype=np.uint8),
            "frozen": np.frombuffer("\n".join(self.frozen).encode(), dtype=np.uint8),
            "head": self.head.astype(np.float32),
            "bias": self.bias.astype(np.float32),
        }
        for name, tensor in self.trained.items():
            if tensor.ndim == 1:
                parts[_FLOATS + name] = tensor.astype(np.float32)
                continue
            scale = (np.abs(tensor).max(axis=0) / _STEPS).astype(np.float32)
            scale[scale == 0] = 1.0
            parts[_SCALES + name] = scale
            parts[_INTEGERS + name] = np.rint(tensor / scale).astype(np.int8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **parts)  # type: ignore[arg-type]  # the stub has one keyword
        return buffer.getvalue()


_STEPS: Final = 127


class TrainedSupport:
    """The trained judge: an encoder that runs, and the head on it; safe to share if that is."""

    name: Final = NAME

    def __init__(self, weights: SupportWeights, encoder: PairEncoder) -> None:
        """Put them together."""
        self._head, self._bias = weights.head, weights.bias
        self._encoder = encoder

    def chances(self, claim: str, excerpt: str) -> Chances:
        """Judge one claim by one excerpt: alone, so that no other text can change the outcome."""
        scores = self._head @ self._encoder.encode(claim, excerpt) + self._bias
        parts = np.exp(scores - scores.max())
        supported, contradicted, not_enough = (parts / parts.sum()).round(_PLACES).tolist()
        return Chances(supported, contradicted, not_enough)


class Remembering:
    """A judge that is asked the same only once.

    For one request: it holds what was asked, which no other caller may come near, be it only by
    how long an answer takes.
    """

    def __init__(self, model: SupportModel) -> None:
        """Begin with nothing."""
        self._model = model
        self._answers: dict[tuple[str, str], Chances] = {}

    @property
    def name(self) -> str:
        """The judge's own."""
        return self._model.name

    def chances(self, claim: str, excerpt: str) -> Chances:
        """Ask, unless it was asked before."""
        asked = claim, excerpt
        if asked not in self._answers:
            self._answers[asked] = self._model.chances(claim, excerpt)
        return self._answers[asked]
