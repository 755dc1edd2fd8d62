"""Near-duplicates say the same; conflicts say otherwise, and are never taken for the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.changes import Difference, Kind
from verifier.conflicts import NEAR, Relation, compare
from verifier.normalise import folded, plain

BASE = (
    "The travel allowance for trips abroad is {} a day and is {} with the salary of the month "
    "that follows the trip to {} until {}"
)
WORDS = ("55 euros", "paid", "Zurich", "1 March 2026")
NUMBER, DATE, UNIT, NAME, NEGATION = Kind


def said(place: int, word: str) -> str:
    words = list(WORDS)
    words[place] = word
    return BASE.format(*words)


@pytest.mark.parametrize(
    ("place", "word"),
    [
        (0, "EUR 55"),
        (0, "\u20ac55"),
        (0, "fifty-five euros"),
        (0, "55.00 euros"),
        (0, "5,500 cents"),
        (1, "transferred"),
        (3, "2026-03-01"),
        (3, "March 1st, 2026"),
        (3, "01.03.2026"),
        (3, "03/01/2026"),
    ],
)
def test_another_spelling_is_no_conflict(place: int, word: str) -> None:
    found = compare(BASE.format(*WORDS), said(place, word))
    assert (found.relation, found.differences) == (Relation.DUPLICATE, ())


@pytest.mark.parametrize(
    ("place", "word", "difference"),
    [
        (0, "60 euros", Difference(NUMBER, "55 euros", "60 euros")),
        (0, "-55 euros", Difference(NUMBER, "55 euros", "- 55 euros")),
        (0, "55 dollars", Difference(UNIT, "55 euros", "55 dollars")),
        (0, "55 million euros", Difference(NUMBER, "55 euros", "55 million euros")),
        (1, "not paid", Difference(NEGATION, None, "not")),
        (1, "never paid", Difference(NEGATION, None, "never")),
        (1, "unpaid", Difference(NEGATION, "paid", "unpaid")),
        (2, "Geneva", Difference(NAME, "Zurich", "Geneva")),
        (3, "2 March 2026", Difference(DATE, "1 March 2026", "2 March 2026")),
        (3, "1 April 2026", Difference(DATE, "1 March 2026", "1 April 2026")),
        (3, "2027-03-01", Difference(DATE, "1 March 2026", "2027-03-01")),
    ],
)
def test_a_contradiction_is_a_conflict(place: int, word: str, difference: Difference) -> None:
    found = compare(BASE.format(*WORDS), said(place, word))
    assert (found.relation, found.differences) == (Relation.CONFLICT, (difference,))
    assert found.similarity >= NEAR


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("It is due from 5 to 10 days after it", "It is due from 10 to 5 days after it", NUMBER),
        ("The branch opens at 9:30 on every day", "The branch opens at 9:45 on every day", DATE),
        ("Reports are due on Monday at the desk", "Reports are due on Friday at the desk", DATE),
        ("Smoking is allowed in the whole house", "Smoking is forbidden in the whole house", None),
        ("Staff must ask before they travel", "Staff may ask before they travel", None),
        ("Take at least one of the two forms", "Take at most one of the two forms", None),
        ("It is safe and it is not cheap now", "It is not safe and it is cheap now", None),
        ("The rule of version v2 holds for all", "The rule of version v3 holds for all", NUMBER),
        ("UBS keeps the list of the owners", "HSBC keeps the list of the owners", NAME),
    ],
)
def test_what_turns_the_meaning_is_seen(one: str, other: str, kind: Kind | None) -> None:
    found = compare(one, other)
    assert found.relation is Relation.CONFLICT
    assert {difference.kind for difference in found.differences} == {kind or NEGATION}


def test_a_number_in_one_text_only_is_a_conflict() -> None:
    one = "The fee is due at the end of the quarter in which the account was opened"
    found = compare(one, f"{one} plus 20 euros")
    assert found.differences == (Difference(NUMBER, None, "20 euros"),)


def test_what_only_moved_is_no_conflict() -> None:
    first = "Nobody may sign for more than 500 euros."
    rest = "A loan needs the consent of the branch manager, and the papers go to the archive."
    assert compare(f"{first} {rest}", f"{rest} {first}").differences == ()


@pytest.mark.parametrize(
    "variant",
    [
        "**The FEE** is 1,000 euros,\n\n- due in ten days; it's final",
        "The fee is 1,000 euros, due in   ten days; it\u2019s final",
        "THE FEE IS 1,000 EUROS, DUE IN TEN DAYS; IT'S FINAL",
        "> `The fee` is 1,000\u00a0euros, _due_ in ten days; it's final",
    ],
)
def test_white_space_case_and_markup_make_no_difference(variant: str) -> None:
    found = compare("The fee is 1,000 euros, due in ten days; it's final", variant)
    assert (found.relation, found.similarity) == (Relation.DUPLICATE, 100.0)


def test_shouting_does_not_make_every_word_a_name() -> None:
    one = "THE BRANCH MANAGER SIGNS EVERY LOAN AND KEEPS THE PAPERS FOR THE AUDITORS"
    assert compare(one, one.replace("KEEPS", "STORES")).relation is Relation.DUPLICATE


def test_a_sentence_may_begin_with_another_word() -> None:
    one = "Employees sign the form and hand it in at the desk on the ground floor."
    assert compare(one, one.replace("Employees", "Workers")).relation is Relation.DUPLICATE
    two = "Anna Meier signs the form and hands it in at the desk on the ground floor."
    found = compare(two, two.replace("Anna Meier", "Bob Meier"))
    assert found.differences == (Difference(NAME, "Anna", "Bob"),)


def test_texts_of_another_subject_or_length_are_distinct() -> None:
    assert compare("A loan needs two signatures", "Visitors wear a badge").relation is (
        Relation.DISTINCT
    )
    one = "The fee is 55 euros and is due at the end of the month."
    assert compare(one, f"{one} {one} {one}").relation is Relation.DISTINCT


_pieces = st.lists(
    st.sampled_from(
        [
            *("the", "fee", "is", "55", "60", "euros", "dollars", "not", "paid", "Anna", "Bob"),
            *("on", "Monday", "1", "March", "2026", "at", "9:30", "-", ",", "and", "one", "two"),
            *("may", "must", "\u4f1a", "\u2019s"),
        ]
    ),
    max_size=14,
).map(" ".join)


@example("fee 55 55", "fee 55 60")
@given(_pieces, _pieces)
def test_the_order_of_two_texts_makes_no_difference(one: str, other: str) -> None:
    there, back = compare(one, other), compare(other, one)
    assert there.relation is back.relation
    assert there.similarity == back.similarity
    turned = {Difference(found.kind, found.other, found.one) for found in back.differences}
    assert set(there.differences) == turned


@given(_pieces)
def test_every_text_is_its_own_duplicate(text: str) -> None:
    assert compare(text, text).relation is Relation.DUPLICATE
    assert compare(text, text.upper() + " ").differences == ()


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert compare(text, text + " 5").similarity >= 0
    assert compare(text, text[::-1]).similarity >= 0


@given(st.text())
def test_folding_with_and_without_a_map_gives_the_same_words(text: str) -> None:
    assert folded(plain(text))[0] == " ".join(plain(text).split())
