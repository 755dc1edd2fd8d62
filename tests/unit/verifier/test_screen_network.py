"""The network of the screen: what it adds up, to the last digit, and what it refuses."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from verifier.screen_network import LARGEST, SPREAD, TAPS, Layer, Network

PIECES, INPUTS, OUTPUTS = 7, 3, 4


def _network(seed: int, **changed: Any) -> Network:
    random = np.random.default_rng(seed)
    widths = (INPUTS, OUTPUTS, OUTPUTS)
    layers = [
        Layer(
            weights=random.integers(-LARGEST, LARGEST + 1, (TAPS, widths[at], OUTPUTS)).astype(
                "f4"
            ),
            bias=random.integers(-900, 900, OUTPUTS).astype("f4"),
            scale=random.uniform(0.001, 0.02, OUTPUTS).astype("f4"),
            spread=spread,
        )
        for at, spread in enumerate(SPREAD)
    ]
    parts: dict[str, Any] = {
        "table": random.integers(-LARGEST, LARGEST + 1, (PIECES, INPUTS)).astype(np.int8),
        "layers": tuple(layers),
        "strongest": random.integers(-999, 1000, 2 * OUTPUTS),
        "mean": random.integers(-999, 1000, 2 * OUTPUTS),
        "scale": 0.001,
        "bias": -1.5,
    }
    return Network(**(parts | changed))


def _one_by_one(parts: dict[str, NDArray[Any]], pieces: list[int]) -> float:
    """What the network says, with Python's own whole numbers, one addition at a time."""
    rows = [[int(value) for value in parts["network/table"][piece]] for piece in pieces]
    strongest, total = [], []
    for at, spread in enumerate(SPREAD):
        weights, bias = parts[f"network/weights{at}"], parts[f"network/bias{at}"]
        answers = []
        for place in range(len(rows)):
            answer = []
            for output in range(OUTPUTS):
                held = int(bias[output])
                for tap in range(TAPS):
                    seen = place + (tap - 1) * spread
                    if 0 <= seen < len(rows):
                        held += sum(
                            value * int(weights[tap, at_input, output])
                            for at_input, value in enumerate(rows[seen])
                        )
                scaled = np.float32(max(held, 0)) * parts[f"network/scale{at}"][output]
                answer.append(min(round(float(scaled)), LARGEST))
            answers.append(answer)
        strongest += [max(column) for column in zip(*answers, strict=True)]
        total += [sum(column) for column in zip(*answers, strict=True)]
        rows = answers
    heads = parts["network/strongest"].tolist(), parts["network/mean"].tolist()
    most = sum(a * b for a, b in zip(strongest, heads[0], strict=True))
    mean = sum(a * b for a, b in zip(total, heads[1], strict=True)) / len(pieces)
    return float(parts["network/scale"]) * (most + mean) + float(parts["network/bias"])


@given(st.integers(0, 99), st.lists(st.integers(0, PIECES - 1), min_size=1, max_size=12))
def test_it_adds_up_exactly(seed: int, pieces: list[int]) -> None:
    network = _network(seed)
    found = network.decision(np.array(pieces, dtype=np.int32))
    assert found == _one_by_one(network.parts(), pieces)


def test_it_is_the_same_once_it_was_stored() -> None:
    network, stream = _network(3), io.BytesIO()
    np.savez_compressed(stream, **network.parts())
    stream.seek(0)
    with np.load(stream) as archive:
        again = Network.read(archive)
    pieces = np.array([1, 5, 2, 2, 0, 6], dtype=np.int32)
    assert again.decision(pieces) == network.decision(pieces)


def test_order_counts() -> None:
    network = _network(3)
    pieces = np.array([1, 5, 2, 4, 0, 6], dtype=np.int32)
    assert network.decision(pieces) != network.decision(pieces[::-1])


def test_without_pieces_there_is_only_the_bias() -> None:
    assert _network(0).decision(np.array([], dtype=np.int32)) == -1.5


@pytest.mark.parametrize(
    "changed",
    [
        {"table": np.zeros((PIECES, INPUTS + 1), dtype=np.int8)},
        {"mean": np.zeros(OUTPUTS, dtype=np.int64)},
        {"strongest": np.zeros(OUTPUTS, dtype=np.int64)},
    ],
)
def test_parts_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fit"):
        _network(0, **changed)


def test_sums_that_a_float_cannot_hold_are_refused() -> None:
    wide = np.full((TAPS, INPUTS, OUTPUTS), LARGEST, dtype=np.float32)
    loud = Layer(wide, np.full(OUTPUTS, 1e8, np.float32), np.ones(OUTPUTS, np.float32), 1)
    quiet = Layer(
        np.zeros((TAPS, OUTPUTS, OUTPUTS), np.float32),
        np.zeros(OUTPUTS, np.float32),
        np.ones(OUTPUTS, np.float32),
        2,
    )
    with pytest.raises(ValueError, match="exactly"):
        _network(0, layers=(loud, quiet))
