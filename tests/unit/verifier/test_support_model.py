"""The trained judge: that only reviewed weights are read, and that an answer is its own."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from verifier import support_model
from verifier.errors import SupportModelError
from verifier.support_model import Chances, Remembering, SupportWeights, TrainedSupport

WIDTH = 8


def weights(**changed: object) -> SupportWeights:
    random = np.random.default_rng(1)
    fields: dict[str, object] = {
        "graph": b"graph",
        "trained": {
            "above.weight": random.normal(size=(5, 7)).astype(np.float32),
            "above.bias": random.normal(size=7).astype(np.float32),
        },
        "frozen": ("below.weight", "below.bias"),
        "head": random.normal(size=(3, WIDTH)).astype(np.float32).astype(np.float64),
        "bias": np.zeros(3),
        "sha256": "",
    }
    return SupportWeights(**(fields | changed))  # type: ignore[arg-type]  # one helper for all


class Fixed:
    """An encoder that counts, and says how often each verdict is named in the excerpt."""

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, claim: str, excerpt: str) -> NDArray[np.float64]:
        self.asked += 1
        return np.array([(claim + excerpt).count(letter) for letter in "scn"], dtype=np.float64)


def judge() -> tuple[TrainedSupport, Fixed]:
    encoder = Fixed()
    return TrainedSupport(weights(head=np.eye(3), bias=np.zeros(3)), encoder), encoder


def test_what_is_stored_is_read_again_within_half_a_step() -> None:
    written = weights()
    found = SupportWeights.read(written.stored())
    assert (found.graph, found.frozen) == (written.graph, written.frozen)
    np.testing.assert_array_equal(found.head, written.head)
    np.testing.assert_array_equal(found.trained["above.bias"], written.trained["above.bias"])
    tensor, read = written.trained["above.weight"], found.trained["above.weight"]
    step = np.abs(tensor).max(axis=0) / 127
    assert read.dtype == np.float32
    assert (np.abs(tensor - read) <= 0.51 * step).all()
    assert np.abs(tensor - read).max() > 0


def test_a_column_of_zeros_stays_one() -> None:
    silent = {"above.weight": np.zeros((2, 2), dtype=np.float32)}
    assert not SupportWeights.read(weights(trained=silent).stored()).trained["above.weight"].any()


@pytest.mark.parametrize("stored", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused_with_the_remedy(stored: bytes) -> None:
    with pytest.raises(SupportModelError, match="reinstall the package"):
        SupportWeights.read(stored)


def test_an_archive_without_a_head_is_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, graph=np.zeros(1, dtype=np.uint8))
    with pytest.raises(SupportModelError, match="KeyError"):
        SupportWeights.read(buffer.getvalue())


def test_chances_add_up_and_follow_the_head() -> None:
    model, _ = judge()
    assert model.chances("s", "s") == Chances(0.786986, 0.106507, 0.106507)
    told = model.chances("", "c")
    assert told.contradicted > told.supported == told.not_enough
    assert sum((told.supported, told.contradicted, told.not_enough)) == pytest.approx(1, abs=1e-5)


def test_scores_beyond_any_exponential_are_still_chances() -> None:
    model, _ = judge()
    assert model.chances("s" * 5_000, "") == Chances(1.0, 0.0, 0.0)


def test_a_request_asks_the_same_only_once() -> None:
    model, encoder = judge()
    remembering = Remembering(model)
    assert remembering.name == model.name
    first = remembering.chances("s", "c")
    assert remembering.chances("s", "c") == first
    assert encoder.asked == 1
    assert remembering.chances("c", "s c") != first
    assert encoder.asked == 2
    Remembering(model).chances("s", "c")
    assert encoder.asked == 3


def test_weights_other_than_the_reviewed_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_model, "SHA256", "0" * 64)
    with pytest.raises(SupportModelError, match="not the reviewed file"):
        SupportWeights.shipped()


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_model, "WEIGHTS", "nowhere.npz")
    with pytest.raises(SupportModelError, match=r"nowhere\.npz cannot be read"):
        SupportWeights.shipped()
