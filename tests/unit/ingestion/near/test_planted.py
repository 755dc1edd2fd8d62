"""Planted duplicates are found: every copy, nearly every edit, and every changed number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from retrieval.collapse import collapse
from tests.support.planted import SAME, Variant, families, strangers
from tests.support.stored import chunk
from tests.unit.ingestion.near.shelf import Shelf, sha
from verifier.conflicts import Relation, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import SqliteBlank
    from tests.support.planted import Family
    from tests.unit.ingestion.near.shelf import Found

FAMILIES = 100


@pytest.fixture(scope="module")
def planted() -> list[Family]:
    return families(FAMILIES, seed=8)


@pytest.fixture(scope="module")
def found(
    planted: list[Family],
    sqlite_catalogue: SqliteBlank,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Found]:
    texts = [text for family in planted for text in family.texts]
    others = strangers(150, seed=8) + strangers(150, seed=8, boilerplate=True)
    with Shelf.open(sqlite_catalogue, tmp_path_factory.mktemp("planted") / "data") as shelf:
        shelf.hold(*texts, *others)
        shelf.hold(*texts[::3], acl="board")  # copies, which are texts only once
        assert shelf.settle().compared == len({*texts, *others})
        yield shelf.pairs()


def of(found: Found, family: Family, variant: Variant) -> tuple[float, list[dict[str, Any]]] | None:
    return found.get(frozenset((family.base, family.variants[variant])))


@pytest.mark.parametrize("variant", SAME)
def test_white_space_case_and_markup_are_pairs_of_similarity_one(
    planted: list[Family], found: Found, variant: Variant
) -> None:
    assert [of(found, family, variant) for family in planted] == [(1.0, [])] * FAMILIES


def test_edits_of_one_word_in_twenty_five_are_found(planted: list[Family], found: Found) -> None:
    recalled = Counter(of(found, family, Variant.EDITED_4) is not None for family in planted)
    assert recalled[True] / FAMILIES >= 0.99


def test_most_edits_of_one_word_in_eight_are_found(planted: list[Family], found: Found) -> None:
    recalled = Counter(of(found, family, Variant.EDITED_12) is not None for family in planted)
    assert recalled[True] / FAMILIES >= 0.95


def test_every_changed_number_is_a_conflict(planted: list[Family], found: Found) -> None:
    for family in planted:
        pair = of(found, family, Variant.NUMBER)
        assert pair is not None
        assert {difference["kind"] for difference in pair[1]} == {"number"}
        sides = sorted((family.base, family.variants[Variant.NUMBER]), key=sha)
        for side, text in zip(("first", "second"), sides, strict=True):
            assert pair[1][0][side] in text


def test_no_changed_number_is_collapsed(planted: list[Family]) -> None:
    for family in planted:
        groups = collapse([chunk(text) for text in family.texts], limit=9)
        (kept,) = [g for g in groups if g.chunk.text == family.variants[Variant.NUMBER]]
        assert kept.same == []
        assert groups[0].chunk.id in kept.disagrees
        same = {member.text for member in groups[0].same}
        assert same >= {family.variants[variant] for variant in SAME}


def test_few_pairs_are_of_texts_that_have_nothing_to_do_with_one_another(
    planted: list[Family], found: Found
) -> None:
    family_of = {text: number for number, family in enumerate(planted) for text in family.texts}
    right = [pair for pair in found if len({family_of.get(text, text) for text in pair}) == 1]
    assert len(right) / len(found) >= 0.99


def test_what_is_found_is_what_comparing_each_with_each_finds(
    planted: list[Family], found: Found
) -> None:
    for family in planted[:10]:
        for one in family.texts:
            for other in family.texts:
                if one < other:
                    relation = compare(one, other).relation
                    pair = found.get(frozenset((one, other)))
                    if relation is Relation.CONFLICT:
                        assert pair is not None
                        assert pair[1]
                    if relation is Relation.DUPLICATE:
                        assert pair is not None
                        assert not pair[1]
