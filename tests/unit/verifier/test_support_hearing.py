"""Several texts before one claim: each is looked at once, and any of them can be left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.work import steps
from verifier.support import Hearing, SupportVerdict, check_support
from verifier.support_windows import Evidence

CLAIMS = (
    "The north branch has 12 tellers and a vault.",
    "All staff of the north branch may fly first class.",
    "Mira Halloran runs the north branch since March 2021.",
)
TEXTS = (
    "The north branch has 12 tellers. It has a vault.",
    "The north branch has 31 tellers.",
    "Some staff may fly first class. Mira Halloran runs the branch.",
    "Since March 2021 the north branch has no vault.",
    "The canteen opens at noon.",
    "",
)


@given(
    st.sampled_from(CLAIMS),
    st.lists(st.sampled_from(TEXTS), max_size=5),
    st.sets(st.integers(0, 4)),
)
def test_a_selection_is_judged_as_if_the_others_had_never_been_there(
    claim: str, texts: list[str], chosen: set[int]
) -> None:
    among = sorted(at for at in chosen if at < len(texts))
    hearing = Hearing.of(claim, [Evidence.of(text) for text in texts])
    hearing.judge()
    support, which = hearing.judge(among)
    fresh, place = Hearing.of(claim, [Evidence.of(texts[at]) for at in among]).judge()
    assert (support, which) == (fresh, None if place is None else among[place])


def test_one_text_states_what_another_lacks() -> None:
    texts = ["The pump was replaced in April.", "The new pump was made by Skerry."]
    hearing = Hearing.of(
        "The pump, made by Skerry, was replaced in April.", map(Evidence.of, texts)
    )
    assert hearing.judge()[0].verdict is SupportVerdict.SUPPORTED
    assert hearing.judge([0])[0].verdict is not SupportVerdict.SUPPORTED


def test_no_text_is_read_again_for_another_selection() -> None:
    claim = "The fee of branch 7 is 55 euros in March, as agreed with Dr Halloran. " * 3
    text = "The fee of branch {0} is {0}0 euros. It is paid in May. "
    texts = [text.format(at) * 5 for at in (3, 4, 5, 6)]
    hearing = Hearing.of(claim, [Evidence.of(text) for text in texts])
    first = steps(hearing.judge)
    # Four selections; one of them lacks the text that decided, so another place is compared.
    assert steps(lambda: [hearing.judge({0, 1, 2, 3} - {at}) for at in range(4)]) < 2 * first


def test_a_text_by_itself_is_judged_as_the_check_of_one_text_does() -> None:
    for claim in CLAIMS:
        for text in TEXTS:
            assert Hearing.of(claim, [Evidence.of(text)]).judge()[0] == check_support(claim, text)
