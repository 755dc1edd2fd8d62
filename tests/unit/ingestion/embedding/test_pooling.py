import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingestion.embedding.pooling import mean_pooled


@given(st.integers(1, 256), st.integers(2, 48), st.integers(0, 2**32 - 1))
def test_pooling_is_the_mean_scaled_to_unit_length(tokens: int, width: int, seed: int) -> None:
    states = np.random.default_rng(seed).standard_normal((tokens, width)).astype(np.float32)
    mean = states.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(mean_pooled(states), mean / np.linalg.norm(mean), atol=5e-6)


def test_pooling_does_not_depend_on_where_the_tokens_lie_in_memory() -> None:
    states = np.random.default_rng(7).standard_normal((5, 40, 384)).astype(np.float32)
    for row in states:
        own = np.ascontiguousarray(row[:29])
        assert mean_pooled(row[:29]).tobytes() == mean_pooled(own).tobytes()
