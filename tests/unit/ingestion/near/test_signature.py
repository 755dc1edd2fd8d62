"""Words and signatures of texts: the same everywhere, whatever the white space and the case."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.near import words as reading
from ingestion.near.signature import BANDS, BYTES, NOTHING, SLOTS, bands, signatures
from ingestion.near.words import words
from tests.support.planted import families

TEXT = (
    "The fee is 1,000 euros, due at 10:30 on 2026-03-01; it's final. "
    "Gr\xfc\xdfe, \u4f1a\u8b70\u306f1\u6642."
)


def signed(*texts: str) -> list[bytes]:
    return signatures(words(texts))


def count(text: str) -> int:
    return len(words([text]).of(0))


def test_a_signature_is_the_same_for_ever() -> None:
    # Stored ones are compared with new ones: a change needs a migration that empties both tables.
    (signature,) = signed(TEXT)
    assert hashlib.sha256(signature).hexdigest() == (
        "a31f2521a86d1f8643f37a0052f1420a8129d33510684f8850025a3309ccd531"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" \n*** -- ", 0),
        ("one", 1),
        ("one two", 2),
        ("1,000 10:30 1/2 1'000", 4),
        ("1, 000", 2),
        ("snake_case", 2),
        ("caf\xe9 cafe\u0301", 2),
        ("\u4f1a\u8b70\u306f1\u6642", 4),
        ("\u201cquoted\u201d \u2014 dashed\u2026", 2),
        ("55 \u20ac", 2),
        ("a" * 5_000, 1),
    ],
)
def test_words_are_counted(text: str, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The fee, due", "the  FEE\n\ndue"),
        ("the fee due", "**the** `fee` | _due_"),
        ("it's", "it\u2019s"),
        ("Stra\xdfe", "STRASSE"),
        ("caf\xe9", "cafe\u0301"),
        ("1\u00a0000", "1 000"),
    ],
)
def test_what_leaves_no_trace(one: str, other: str) -> None:
    assert words([one]).codes.tolist() == words([other]).codes.tolist()
    assert signed(one) == signed(other)


def test_the_order_of_words_and_every_word_leave_a_trace() -> None:
    assert len({*signed("a b c", "a c b", "c b a", "a b", "a b d", "a", "b")}) == 7


@given(st.lists(st.text(max_size=60), max_size=12))
def test_a_text_is_read_alike_in_any_company(texts: list[str]) -> None:
    together = words(texts)
    alone = [words([text]).of(0).tolist() for text in texts]
    assert [together.of(place).tolist() for place in range(len(texts))] == alone
    assert signatures(together) == [signed(text)[0] for text in texts]


def test_texts_are_read_alike_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [TEXT, *families(3, seed=1)[0].texts, "", "x"]
    whole = words(texts)
    for size in (1, 100, 1_000):
        monkeypatch.setattr(reading, "_BLOCK_BYTES", size)
        parts = words(texts)
        assert parts.codes.tolist() == whole.codes.tolist()
        assert parts.starts.tolist() == whole.starts.tolist()


def test_what_has_words_has_a_signature_and_nothing_else_has() -> None:
    found = signed("", "one", "--", "one two")
    assert [len(signature) for signature in found] == [0, BYTES, 0, BYTES]
    assert found[0] == NOTHING
    assert signed() == []


def test_agreeing_slots_estimate_the_share_of_word_pairs() -> None:
    for family in families(6, seed=2):
        for variant in family.variants.values():
            one, other = (_pairs(text) for text in (family.base, variant))
            slots = [np.frombuffer(signature, "<u2") for signature in signed(family.base, variant)]
            estimate = float(np.mean(slots[0] == slots[1]))
            assert abs(estimate - len(one & other) / len(one | other)) < 0.2


def _pairs(text: str) -> set[tuple[int, int]]:
    codes = words([text]).of(0).tolist()
    return set(pairwise(codes))


def test_a_band_is_four_slots() -> None:
    found = signed("one two three", "one two four")
    rows = bands(found)
    assert rows.shape == (2, BANDS)
    assert rows[1].tobytes() == found[1]
    assert SLOTS == 4 * BANDS
