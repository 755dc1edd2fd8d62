from hypothesis import given
from hypothesis import strategies as st

from ingestion.embedding.batching import BUCKET, bucket_of, plan_batches

LENGTHS = st.lists(st.integers(min_value=2, max_value=256), max_size=300)


@given(LENGTHS)
def test_every_text_is_in_exactly_one_batch(lengths: list[int]) -> None:
    members = [index for batch in plan_batches(lengths) for index in batch.members]
    assert sorted(members) == list(range(len(lengths)))


@given(LENGTHS)
def test_a_text_is_padded_to_its_own_bucket_whatever_its_neighbours(lengths: list[int]) -> None:
    for batch in plan_batches(lengths):
        assert {bucket_of(lengths[index]) for index in batch.members} == {batch.padded_length}


@given(st.integers(min_value=1, max_value=512))
def test_a_bucket_is_the_next_multiple(length: int) -> None:
    assert bucket_of(length) % BUCKET == 0
    assert 0 <= bucket_of(length) - length < BUCKET


@given(LENGTHS)
def test_batches_go_from_short_to_long_and_stay_small(lengths: list[int]) -> None:
    batches = list(plan_batches(lengths))
    padded = [batch.padded_length for batch in batches]
    assert padded == sorted(padded)
    assert all(len(b.members) == 1 or len(b.members) * b.padded_length <= 1024 for b in batches)
