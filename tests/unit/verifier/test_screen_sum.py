"""A linear reader of the screen: its sum is exact, and what was stored is read again."""

import io

import numpy as np
import pytest

from verifier.screen_features import BITS
from verifier.screen_sum import WeightedSum


def _reader() -> WeightedSum:
    weights = np.zeros(1 << BITS, dtype=np.int8)
    weights[[3, 7, 9]] = [100, 100, -20]
    return WeightedSum(weights, scale=0.5, bias=-1.0)


@pytest.mark.parametrize(
    ("features", "found"),
    [([], -1.0), ([3], 49.0), ([3, 5, 7, 9], 0.5 * 180 / 2 - 1), ([5], -1.0)],
)
def test_the_sum_is_that_of_the_weights_over_the_root_of_their_number(
    features: list[int], found: float
) -> None:
    assert _reader().decision(np.array(features, dtype=np.int32)) == found


def test_sums_beyond_a_small_integer_do_not_wrap() -> None:
    weights = np.full(1 << BITS, 127, dtype=np.int8)
    every = np.arange(1 << BITS, dtype=np.int32)
    assert WeightedSum(weights, scale=1.0, bias=0.0).decision(every) == 127 * 2 ** (BITS / 2)


def test_what_was_stored_is_read_again_by_its_name() -> None:
    stream = io.BytesIO()
    other = WeightedSum(np.zeros(1 << BITS, dtype=np.int8), scale=1.0, bias=2.0)
    np.savez(stream, **_reader().parts(name="first"), **other.parts(name="closer"))
    stream.seek(0)
    with np.load(stream) as archive:
        again = WeightedSum.read(archive, name="first")
    features = np.array([3, 9], dtype=np.int32)
    assert again.decision(features) == _reader().decision(features)


@pytest.mark.parametrize(("size", "kind"), [(8, np.int8), (1 << BITS, np.int16)])
def test_weights_of_another_size_are_refused(size: int, kind: type[np.generic]) -> None:
    parts = _reader().parts(name="first") | {"first/weights": np.zeros(size, dtype=kind)}
    with pytest.raises(ValueError, match="another size"):
        WeightedSum.read(parts, name="first")
